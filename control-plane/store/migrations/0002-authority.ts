// Migration 2: the tables of the authority: teams, roles, bindings, support access, entitlements.

export const authority = {
  number: 2,
  name: 'authority',
  statements: [
    // \`source\` is '' for members that a person added, else it names who keeps them, for instance a sign-in provider.
    `create table team_members (
       team text not null references principals (id),
       member text not null references principals (id),
       source text not null,
       added_at bigint not null,
       primary key (team, member)
     )`,
    `create table roles (
       id text primary key,
       organization text not null references organizations (id),
       name text not null,
       description text not null,
       permissions text not null,
       created_at bigint not null,
       version bigint not null,
       unique (organization, name)
     )`,
    // \`role\` is the name of a built-in role or the id of another. \`level\` is the path of ids below the organization,
    // '' for the organization itself; the columns behind it let it go with what it is on.
    `create table bindings (
       id text primary key,
       organization text not null references organizations (id),
       principal text not null references principals (id),
       role text not null,
       effect text not null check (effect in ('allow', 'deny')),
       level text not null,
       folder text references folders (id) on delete cascade,
       project text references projects (id) on delete cascade,
       action text references actions (id) on delete cascade,
       group_id text references groups (id) on delete cascade,
       conditions text not null,
       not_before bigint,
       not_after bigint,
       support text,
       created_by text,
       created_at bigint not null
     )`,
    `create index bindings_level on bindings (organization, level)`,
    `create index bindings_principal on bindings (principal)`,
    `create table support_requests (
       id text primary key,
       organization text not null references organizations (id),
       principal text not null references principals (id),
       role text not null,
       level text not null,
       reason text not null,
       ticket text,
       duration_ms bigint not null,
       state text not null check (state in ('requested', 'approved', 'refused', 'revoked', 'withdrawn')),
       created_at bigint not null,
       decided_by text references principals (id),
       decided_at bigint,
       not_after bigint,
       binding text,
       revision bigint not null
     )`,
    `create table entitlements (
       organization text not null references organizations (id),
       name text not null,
       quota bigint,
       ends_at bigint,
       grace_ms bigint not null,
       exceeded_at bigint,
       updated_at bigint not null,
       revision bigint not null,
       primary key (organization, name)
     )`,
  ],
} as const;
