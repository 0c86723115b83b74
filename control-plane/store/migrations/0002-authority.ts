// Migration 2: the tables of authority.

export const authority = { number: 2, name: 'authority', statements: [] as readonly string[] } as const;
