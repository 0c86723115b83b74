// Migration 4: the tables of sign in.

export const signIn = { number: 4, name: 'sign-in', statements: [] as readonly string[] } as const;
