// Migration 8: the control planes that share the database, and which of them holds an agent's connection.

export const replicas = {
  number: 8,
  name: 'replicas',
  statements: [
    // One row for each process that runs, renewed by it; all times are the database's. Without a row nobody holds a
    // connection any more.
    `create table servers (
       id text primary key,
       address text not null,
       started_at bigint not null,
       last_seen_at bigint not null
     )`,
    // The process that began the agent's last session; no reference, because the row goes first.
    `alter table agents add column server text`,
    // Where the chain of an organization ends. Not in its row, which every change locks against a change of the policy:
    // whoever chains would wait for all who change something, and they for it.
    `create table audit_ends (
       organization text primary key references organizations (id),
       position bigint not null,
       hash text not null
     )`,
  ],
} as const;
