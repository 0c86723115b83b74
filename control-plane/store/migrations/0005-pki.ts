// Migration 5: the tables of pki.

export const pki = { number: 5, name: 'pki', statements: [] as readonly string[] } as const;
