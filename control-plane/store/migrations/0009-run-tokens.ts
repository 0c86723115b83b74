// Migration 9: the tokens of runs, and which definitions ask for them.

export const runTokens = {
  number: 9,
  name: 'run-tokens',
  statements: [
    `alter table definitions add column token bigint not null default 0`,
    // The token of one attempt, as its hash. It is good while its run is at this very attempt and running, which is
    // read of the run each time: the unit that ends an attempt needs to know nothing of this table.
    `create table run_tokens (
       run text not null references runs (id) on delete cascade,
       attempt bigint not null,
       hash text not null unique,
       made_at bigint not null,
       expires_at bigint not null,
       used_at bigint,
       entries bigint not null default 0,
       minute_at bigint not null default 0,
       minute_entries bigint not null default 0,
       primary key (run, attempt)
     )`,
  ],
} as const;
