// The first schema. Times are epoch milliseconds of the database's clock; ids are UUIDv7 text; booleans are 0 or 1;
// JSON is text. Both engines run the same statements.

/**
 * The column holds one of these, as a condition for a check or an index. For `in (…)` SQLite builds a table of the
 * values each time it writes a row, and that takes longer than the row.
 */
function oneOf(column: string, values: readonly string[]): string {
  return `(${values.map((value) => `${column} = '${value}'`).join(' or ')})`;
}

const runStates = [
  'queued',
  'offered',
  'running',
  'succeeded',
  'failed',
  'canceled',
  'timed_out',
  'indeterminate',
  'expired',
  'refused',
];
const eventKinds = ['state', 'output', 'status', 'progress', 'cancel'];

export const firstLight = {
  number: 1,
  name: 'first-light',
  statements: [
    `create table store_meta (
       name text primary key,
       value text not null
     )`,
    `create table organizations (
       id text primary key,
       name text not null unique,
       created_at bigint not null,
       policy_revision bigint not null,
       revision bigint not null default 1
     )`,
    `create table folders (
       id text primary key,
       organization text not null references organizations (id),
       parent text references folders (id),
       name text not null,
       description text not null,
       created_at bigint not null,
       revision bigint not null,
       unique (organization, name)
     )`,
    `create table projects (
       id text primary key,
       organization text not null references organizations (id),
       folder text references folders (id),
       name text not null,
       description text not null,
       created_at bigint not null,
       revision bigint not null,
       unique (organization, name)
     )`,
    `create table principals (
       id text primary key,
       organization text not null references organizations (id),
       kind text not null check (kind in ('user', 'service', 'team', 'agent')),
       name text not null,
       created_at bigint not null,
       disabled_at bigint,
       unique (organization, name)
     )`,
    `create table tokens (
       id text primary key,
       organization text not null references organizations (id),
       principal text not null references principals (id),
       name text not null,
       hash text not null unique,
       permissions text,
       created_at bigint not null,
       expires_at bigint,
       last_used_at bigint,
       revoked_at bigint
     )`,
    `create table decisions (
       id text primary key,
       organization text not null,
       at bigint not null,
       trace text not null
     )`,
    `create table idempotency_keys (
       principal text not null,
       route text not null,
       key text not null,
       body_mac text not null,
       status bigint not null,
       answer text not null,
       created_at bigint not null,
       primary key (principal, route, key)
     )`,
    `create table groups (
       id text primary key,
       project text not null references projects (id),
       name text not null,
       description text not null,
       production bigint not null,
       pinned bigint not null,
       turn bigint not null,
       created_at bigint not null,
       revision bigint not null,
       unique (project, name)
     )`,
    // \`agent\` is set on a recovery token, which is good for that agent alone (rules.md 11).
    `create table join_tokens (
       id text primary key,
       project text not null references projects (id),
       groups text not null,
       networks text not null,
       hash text not null unique,
       created_by text not null,
       created_at bigint not null,
       expires_at bigint not null,
       used_at bigint,
       used_by text,
       used_from text,
       agent text
     )`,
    // generation: of the last certificate issued; generation_seen: of the newest one that connected (rules.md 13).
    // may_be_ahead: 1 after a restore, until the agent renews: it may hold a certificate that this data never saw.
    `create table agents (
       id text primary key,
       organization text not null references organizations (id),
       project text not null references projects (id),
       name text not null,
       description text not null default '',
       status text not null check (status in ('active', 'pending_approval', 'quarantined', 'revoked')),
       key_fingerprint text not null,
       sealing_key text not null,
       generation bigint not null,
       generation_seen bigint not null default 0,
       may_be_ahead bigint not null default 0,
       certificate_serial text not null,
       certificate_not_after bigint not null,
       session bigint not null,
       incarnation text,
       journal_counter bigint not null,
       draining bigint not null,
       version text,
       concurrency bigint,
       shares_user bigint,
       load_errors text not null,
       created_at bigint not null,
       connected_at bigint,
       disconnected_at bigint,
       last_seen_at bigint,
       revoked_at bigint,
       -- Of the last process that said hello, and the processes that it replaced: two that live at once are copies.
       last_address text,
       former_incarnations text not null default '[]',
       revision bigint not null default 1,
       unique (project, name)
     )`,
    `create table agent_groups (
       agent text not null references agents (id) on delete cascade,
       group_id text not null references groups (id) on delete cascade,
       primary key (agent, group_id)
     )`,
    // What an agent advertises now. Kept while it is offline: the last advertised one counts.
    `create table definitions (
       agent text not null references agents (id) on delete cascade,
       group_id text not null references groups (id) on delete cascade,
       operation text not null,
       digest text not null,
       description text not null,
       inputs text,
       timeout_ms bigint not null,
       idempotent bigint not null,
       concurrency bigint,
       compatibility bigint not null,
       advertised_at bigint not null,
       primary key (agent, group_id, operation)
     )`,
    // Every press asks what a group advertises under one name.
    `create index definitions_operation on definitions (group_id, operation, digest)`,
    // Digests that a person accepted in a pinned group.
    `create table accepted_definitions (
       group_id text not null references groups (id) on delete cascade,
       operation text not null,
       digest text not null,
       accepted_by text not null,
       accepted_at bigint not null,
       primary key (group_id, operation, digest)
     )`,
    // Inputs that were ever advertised as sensitive stay so (rules.md 19).
    `create table sensitive_inputs (
       group_id text not null references groups (id) on delete cascade,
       operation text not null,
       input text not null,
       primary key (group_id, operation, input)
     )`,
    `create table actions (
       id text primary key,
       project text not null references projects (id),
       name text not null,
       description text not null,
       group_id text not null references groups (id),
       operation text not null,
       expires_in_ms bigint not null,
       priority bigint not null,
       sequence bigint not null,
       created_at bigint not null,
       revision bigint not null,
       unique (project, name)
     )`,
    // \`action\` is '' for a variable of the project, because null never equals null in a unique index.
    `create table variables (
       id text primary key,
       project text not null references projects (id),
       action text not null,
       name text not null,
       description text not null,
       sensitive bigint not null,
       value text,
       envelope text,
       updated_at bigint not null,
       revision bigint not null,
       unique (project, action, name)
     )`,
    `create table variable_bindings (
       variable text not null references variables (id) on delete cascade,
       action text not null references actions (id) on delete cascade,
       input text not null,
       bound_by text not null,
       primary key (variable, action, input)
     )`,
    `create table schedules (
       id text primary key,
       project text not null references projects (id),
       name text not null,
       action text not null references actions (id) on delete cascade,
       cron text not null,
       zone text not null,
       inputs text not null,
       envelope text,
       skipped_hour text not null,
       doubled_hour text not null,
       misfire text not null,
       enabled bigint not null,
       next_fire_at bigint,
       last_fired_at bigint,
       last_run text,
       last_error text,
       created_by text not null,
       created_at bigint not null,
       revision bigint not null,
       unique (project, name)
     )`,
    `create index schedules_due on schedules (next_fire_at) where enabled = 1`,
    `create table runs (
       id text primary key,
       organization text not null,
       project text not null references projects (id),
       action text not null,
       action_name text not null,
       group_id text not null references groups (id),
       operation text not null,
       sequence bigint not null,
       state text not null check ${oneOf('state', runStates)},
       priority bigint not null,
       turn bigint not null,
       attempt bigint not null,
       lapsed bigint not null,
       lease_until bigint,
       agent text,
       agent_session bigint,
       agent_incarnation text,
       excluded_agents text not null,
       requested_by text not null,
       requester_name text not null,
       token text,
       schedule text,
       reason text,
       definition_digest text,
       pinned_digest bigint not null,
       idempotent bigint not null,
       timeout_ms bigint,
       visible_inputs text not null,
       envelope text,
       outcome text,
       failure_code text,
       failure_message text,
       evidence text,
       settled bigint not null,
       released_by text,
       store_incarnation text not null,
       rebuilt text,
       cancel_requested_at bigint,
       cancel_reason text,
       canceled_by text,
       timeout_sent_at bigint,
       last_wire_seq bigint not null,
       last_event bigint not null,
       queued_at bigint not null,
       offered_at bigint,
       started_at bigint,
       ended_at bigint,
       expires_at bigint not null,
       -- Of the trace that the press belongs to, where somebody traces it.
       traceparent text,
       unique (action, sequence)
     )`,
    // The digest lies in the index, so that a claim passes over what no free agent can do without reading the rows.
    `create index runs_claim on runs (group_id, priority desc, turn, id, definition_digest) where state = 'queued'`,
    `create index runs_expiry on runs (expires_at) where state = 'queued'`,
    // SQLite takes it for a query that has this condition word for word, or asks for one of the states.
    `create index runs_held on runs (agent, group_id, operation) where ${oneOf('state', ['offered', 'running', 'indeterminate'])}`,
    `create index runs_project on runs (project, id)`,
    `create index runs_action on runs (action, id)`,
    // One sequence over state changes, status and output alike. \`wire_seq\` is the agent's own number; that each is
    // stored once is guarded at the run, whose \`last_wire_seq\` every batch must continue.
    `create table run_events (
       run text not null,
       seq bigint not null,
       at bigint not null,
       kind text not null check ${oneOf('kind', eventKinds)},
       attempt bigint not null,
       wire_seq bigint,
       data text not null,
       primary key (run, seq)
     )`,
    // Outlives a pruned run, so that a late report is answered and never taken for news (rules.md 16).
    `create table run_tombstones (
       run text primary key,
       attempt bigint not null,
       state text not null,
       pruned_at bigint not null
     )`,
    `create table audit_events (
       id text primary key,
       organization text not null,
       at bigint not null,
       principal text,
       actors text,
       operation text not null,
       permission text,
       resource text not null,
       result text not null,
       decision text,
       details text not null,
       request text not null,
       mac text not null,
       position bigint,
       previous_hash text,
       hash text
     )`,
    `create index audit_unchained on audit_events (organization) where position is null`,
    `create unique index audit_chain on audit_events (organization, position) where position is not null`,
    // Signed heads of all organizations' chains, linked to one another by their hashes (rules.md 32).
    `create table audit_heads (
       number bigint primary key,
       organization text not null,
       position bigint not null,
       hash text not null,
       at bigint not null,
       jws text not null
     )`,
    `create index audit_heads_newest on audit_heads (organization, position)`,
    `create table audit_denials (
       reason text not null,
       day text not null,
       count bigint not null,
       primary key (reason, day)
     )`,
    // Private keys are wrapped by the key provider, always (rules.md 31).
    `create table signing_keys (
       kid text primary key,
       purpose text not null check (purpose in ('ca_root', 'ca_intermediate', 'ca_data_plane', 'server', 'intent', 'audit', 'token')),
       state text not null check (state in ('next', 'active', 'retired')),
       public_jwk text not null,
       wrapped_private text not null,
       certificate text,
       created_at bigint not null,
       not_after bigint
     )`,
  ],
} as const;
