// Migration 4: how people show who they are, the sessions that this gives them, and what slows down guessing.
// Cookies, links and recovery codes are stored as SHA-256 of random values, seeds and client secrets sealed.

export const signIn = {
  number: 4,
  name: 'sign-in',
  statements: [
    // \`hash\` carries its own parameters, so that they can be raised (PHC string format).
    `create table passwords (
       principal text primary key references principals (id),
       hash text not null,
       changed_at bigint not null
     )`,
    // A pending seed becomes the active one with its first code; \`last_step\` is never accepted again.
    `create table totp_seeds (
       id text primary key,
       principal text not null references principals (id),
       state text not null check (state in ('pending', 'active')),
       seed text not null,
       last_step bigint not null,
       created_at bigint not null,
       unique (principal, state)
     )`,
    `create table passkeys (
       id text primary key,
       principal text not null references principals (id),
       name text not null,
       public_key text not null,
       counter bigint not null,
       transports text not null,
       backed_up bigint not null,
       created_at bigint not null,
       last_used_at bigint
     )`,
    `create index passkeys_principal on passkeys (principal)`,
    `create table recovery_codes (
       hash text primary key,
       principal text not null references principals (id),
       created_at bigint not null,
       used_at bigint
     )`,
    `create index recovery_codes_principal on recovery_codes (principal)`,
    `create table sign_in_links (
       id text primary key,
       principal text not null references principals (id),
       purpose text not null check (purpose in ('setup', 'invite', 'reset')),
       removes_factors bigint not null,
       hash text not null unique,
       created_by text,
       created_at bigint not null,
       expires_at bigint not null,
       used_at bigint
     )`,
    // \`store_incarnation\`: a session from before a restored backup is over (rules.md 12).
    `create table sessions (
       id text primary key,
       organization text not null references organizations (id),
       principal text not null references principals (id),
       hash text not null unique,
       methods text not null,
       provider text,
       address text not null,
       user_agent text not null,
       store_incarnation text not null,
       created_at bigint not null,
       authenticated_at bigint not null,
       last_seen_at bigint not null,
       expires_at bigint not null,
       ended_at bigint,
       end_reason text
     )`,
    `create index sessions_principal on sessions (principal, id)`,
    // By credential: the id of a session, or of a sign-in that tokens hang on.
    `create table elevations (
       credential text primary key,
       principal text not null references principals (id),
       reason text not null,
       methods text not null,
       elevated_at bigint not null,
       elevated_until bigint not null
     )`,
    // A sign-in that is under way in one browser: between two factors, or between question and answer.
    `create table sign_in_attempts (
       id text primary key,
       hash text not null unique,
       kind text not null,
       principal text,
       content text not null,
       created_at bigint not null,
       expires_at bigint not null
     )`,
    `create index sign_in_attempts_expiry on sign_in_attempts (expires_at)`,
    // \`key\` is a keyed code: people type passwords where names belong.
    `create table sign_in_throttles (
       key text primary key,
       failures bigint not null,
       last_at bigint not null
     )`,
    `create index sign_in_throttles_age on sign_in_throttles (last_at)`,
    // Browsers, and the networks that they were in, from which a principal has signed in before.
    `create table known_devices (
       hash text not null,
       principal text not null references principals (id),
       network text not null,
       created_at bigint not null,
       last_seen_at bigint not null,
       primary key (principal, hash)
     )`,
    `create table identity_providers (
       id text primary key,
       organization text not null references organizations (id),
       name text not null,
       issuer text not null,
       client_id text not null,
       client_secret text,
       scopes text not null,
       name_claim text not null,
       teams_claim text,
       teams text not null,
       allowed_domains text not null,
       creates_users bigint not null,
       enabled bigint not null,
       created_at bigint not null,
       revision bigint not null,
       unique (organization, name)
     )`,
    `create table identity_links (
       provider text not null references identity_providers (id) on delete cascade,
       subject text not null,
       principal text not null references principals (id),
       name text not null,
       created_at bigint not null,
       last_used_at bigint not null,
       primary key (provider, subject)
     )`,
    `create index identity_links_principal on identity_links (principal)`,
  ] as readonly string[],
} as const;
