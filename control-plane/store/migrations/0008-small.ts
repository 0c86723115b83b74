// Migration 8: the tables of small.

export const small = { number: 8, name: 'small', statements: [] as readonly string[] } as const;
