// The tables of migration 3 as kysely sees them.

// eslint-disable-next-line @typescript-eslint/no-empty-object-type
export interface OauthTables {}
