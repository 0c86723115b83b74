// Migration 7: the tables of runs.

export const runs = { number: 7, name: 'runs', statements: [] as readonly string[] } as const;
