// Migration 3: the tables of the OAuth 2 authorization server: who may ask for tokens, what is under way, and what
// was revoked before its time.

export const oauth = {
  number: 3,
  name: 'oauth',
  statements: [
    // What the protocol keeps between two requests: codes, opaque tokens, grants, interactions. Every identifier that
    // opens something is stored as its SHA-256; a payload is sealed where it holds another such identifier.
    `create table oauth_artifacts (
       id text primary key,
       model text not null,
       payload text,
       envelope text,
       grant_hash text,
       uid_hash text,
       user_code_hash text,
       principal text,
       client text,
       consumed_at bigint,
       created_at bigint not null,
       expires_at bigint not null
     )`,
    `create index oauth_artifacts_grant on oauth_artifacts (grant_hash)`,
    `create index oauth_artifacts_uid on oauth_artifacts (uid_hash)`,
    `create index oauth_artifacts_user_code on oauth_artifacts (user_code_hash)`,
    `create index oauth_artifacts_principal on oauth_artifacts (principal)`,
    `create index oauth_artifacts_expiry on oauth_artifacts (expires_at)`,
    // Tokens, families and clients that are good no more although their own text says so; kept until that text lapses.
    `create table oauth_revocations (
       id text primary key,
       revoked_at bigint not null,
       keep_until bigint not null
     )`,
    `create index oauth_revocations_time on oauth_revocations (revoked_at)`,
    // By which a service asks for tokens: the hash of a secret, or its public keys. The id is the client id.
    `create table oauth_credentials (
       id text primary key,
       organization text not null references organizations (id),
       principal text not null references principals (id),
       name text not null,
       kind text not null check (kind in ('secret', 'public_key')),
       secret_hash text,
       jwks text,
       permissions text,
       audiences text not null,
       dpop bigint not null,
       created_by text not null,
       created_at bigint not null,
       expires_at bigint,
       revoked_at bigint,
       unique (principal, name)
     )`,
    // Applications of others in which people sign in with us.
    `create table oauth_clients (
       id text primary key,
       organization text not null references organizations (id),
       name text not null,
       redirect_uris text not null,
       secret_hash text,
       created_by text not null,
       created_at bigint not null,
       unique (organization, name)
     )`,
    // Outside issuers whose tokens stand for a service, under a condition on their claims.
    `create table oauth_federations (
       id text primary key,
       organization text not null references organizations (id),
       principal text not null references principals (id),
       name text not null,
       issuer text not null,
       jwks_uri text,
       audiences text not null,
       condition text not null,
       permissions text,
       created_by text not null,
       created_at bigint not null,
       unique (organization, name)
     )`,
  ],
} as const;
