// Migration 6: settings of the audit, and the signed checkpoints that retention leaves where it removed events.

export const audit = {
  number: 6,
  name: 'audit',
  statements: [
    // Null: kept for ever; every denial recorded.
    `create table audit_settings (
       organization text primary key references organizations (id),
       retention_days bigint,
       denials_per_minute bigint,
       updated_at bigint not null,
       revision bigint not null
     )`,
    // One for each organization's events, and one for the chain of heads, whose organization is ''.
    `create table audit_checkpoints (
       organization text primary key,
       position bigint not null,
       hash text not null,
       at bigint not null,
       jws text not null
     )`,
  ] as readonly string[],
} as const;
