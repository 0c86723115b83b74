// The tables of migration 7 as kysely sees them.

// eslint-disable-next-line @typescript-eslint/no-empty-object-type
export interface RunsTables {}
