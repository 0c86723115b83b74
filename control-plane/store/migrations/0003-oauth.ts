// Migration 3: the tables of oauth.

export const oauth = { number: 3, name: 'oauth', statements: [] as readonly string[] } as const;
