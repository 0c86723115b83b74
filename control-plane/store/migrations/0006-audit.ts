// Migration 6: the tables of audit.

export const audit = { number: 6, name: 'audit', statements: [] as readonly string[] } as const;
