// Migration 5: the tables of pki: authorities, the roles by which they issue, and the leaves that they issued.

export const pki = {
  number: 5,
  name: 'pki',
  statements: [
    // Private keys are in signing_keys, by `kid`; an authority without a row there has its key offline. `crl` is the
    // last list of an authority that cannot sign one any more, DER in base64. `renews_agents`: whether every process
    // asks the agents that are connected to it to renew once this data-plane CA is active.
    `create table pki_authorities (
       id text primary key,
       level text not null check (level in ('root', 'intermediate', 'data_plane')),
       state text not null check (state in ('requested', 'next', 'active', 'former', 'retired')),
       name text not null unique,
       kid text not null unique,
       certificate text,
       cross_certificate text,
       parent text references pki_authorities (id),
       renews_agents bigint not null,
       not_after bigint,
       crl text,
       crl_next_update bigint,
       created_at bigint not null,
       activated_at bigint,
       retired_at bigint
     )`,
    `create unique index pki_authorities_active on pki_authorities (level) where state = 'active'`,
    `create table pki_roles (
       name text primary key,
       description text not null,
       issued_by text not null check (issued_by in ('enrollment', 'listener', 'request')),
       authority text not null,
       names text not null,
       names_min bigint not null,
       names_max bigint not null,
       key_types text not null,
       usages text not null,
       common_name text not null,
       ttl_ms bigint not null,
       revision bigint not null,
       updated_at bigint not null
     )`,
    // What was issued and has not expired. A leaf is superseded once a later one of its subject was used.
    `create table pki_leaves (
       serial text primary key,
       authority text not null references pki_authorities (id),
       role text not null,
       subject text not null,
       generation bigint not null,
       issued_at bigint not null,
       issued_to text not null,
       not_after bigint not null,
       superseded_at bigint,
       revoked_at bigint,
       revoked_reason text
     )`,
    `create index pki_leaves_subject on pki_leaves (subject)`,
    `create index pki_leaves_live on pki_leaves (authority, not_after)`,
    `create index pki_leaves_revoked on pki_leaves (revoked_at) where revoked_at is not null`,
  ],
} as const;
