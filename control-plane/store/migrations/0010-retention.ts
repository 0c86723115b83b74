// Migration 10: what a project keeps, and the ways to find what has outlived that without looking at what has not.

export const retention = {
  number: 10,
  name: 'retention',
  statements: [
    // Null: the default (protocol/limits.ts), and no bound on the number.
    `alter table projects add column keep_runs_ms bigint`,
    `alter table projects add column keep_output_ms bigint`,
    `alter table projects add column keep_runs_max bigint`,
    // Set where there was output and it went before the run did.
    `alter table runs add column output_pruned_at bigint`,
    `create index runs_ended on runs (action, ended_at, id) where ended_at is not null`,
    // Up to which ended run of an action the output went.
    `create table output_marks (
       action text primary key,
       ended_at bigint not null,
       run text not null
     )`,
    `create index run_tombstones_pruned on run_tombstones (pruned_at)`,
    `create index idempotency_keys_created on idempotency_keys (created_at)`,
  ],
} as const;
