// Migration 7: the lives of the store before this one.

export const runs = {
  number: 7,
  name: 'runs',
  statements: [
    // One row for each life that a restore or a rollback ended: intents of it may still be shown (rules.md 12).
    // \`backup_at\` is when the data was made that the store went back to; what was stored later is lost.
    `create table store_incarnations (
       incarnation text primary key,
       epoch bigint not null,
       reason text not null check (reason in ('restore', 'replaced', 'rollback')),
       backup_at bigint,
       ended_at bigint not null
     )`,
  ],
} as const;
