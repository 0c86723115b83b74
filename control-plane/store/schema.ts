// The tables as kysely sees them; the same names and types as the migrations. A test compares the two.
import type { Generated } from 'kysely';
import type { AuthorityTables } from './tables-authority.ts';
import type { OauthTables } from './tables-oauth.ts';
import type { SignInTables } from './tables-sign-in.ts';
import type { PkiTables } from './tables-pki.ts';
import type { AuditTables } from './tables-audit.ts';
import type { ReplicasTables } from './tables-replicas.ts';
import type { RunsTables } from './tables-runs.ts';
import type { RetentionTables } from './tables-retention.ts';

export interface StoreMetaTable {
  name: string;
  value: string;
}

export interface OrganizationsTable {
  id: string;
  name: string;
  created_at: number;
  policy_revision: number;
  revision: Generated<number>;
}

export interface FoldersTable {
  id: string;
  organization: string;
  parent: string | null;
  name: string;
  description: string;
  created_at: number;
  revision: number;
}

export interface ProjectsTable {
  id: string;
  organization: string;
  folder: string | null;
  name: string;
  description: string;
  created_at: number;
  revision: number;
  keep_runs_ms: number | null;
  keep_output_ms: number | null;
  keep_runs_max: number | null;
}

export interface PrincipalsTable {
  id: string;
  organization: string;
  kind: 'user' | 'service' | 'team' | 'agent';
  name: string;
  created_at: number;
  disabled_at: number | null;
}

export interface TokensTable {
  id: string;
  organization: string;
  principal: string;
  name: string;
  hash: string;
  permissions: string | null;
  created_at: number;
  expires_at: number | null;
  last_used_at: number | null;
  revoked_at: number | null;
}

export interface DecisionsTable {
  id: string;
  organization: string;
  at: number;
  trace: string;
}

export interface IdempotencyKeysTable {
  principal: string;
  route: string;
  key: string;
  body_mac: string;
  status: number;
  answer: string;
  created_at: number;
}

export interface GroupsTable {
  id: string;
  project: string;
  name: string;
  description: string;
  production: number;
  pinned: number;
  turn: number;
  created_at: number;
  revision: number;
}

export interface JoinTokensTable {
  id: string;
  project: string;
  groups: string;
  networks: string;
  hash: string;
  created_by: string;
  created_at: number;
  expires_at: number;
  used_at: number | null;
  used_by: string | null;
  used_from: string | null;
  agent: string | null;
}

export interface AgentsTable {
  id: string;
  organization: string;
  project: string;
  name: string;
  description: Generated<string>;
  status: 'active' | 'pending_approval' | 'quarantined' | 'revoked';
  key_fingerprint: string;
  sealing_key: string;
  generation: number;
  generation_seen: Generated<number>;
  may_be_ahead: Generated<number>;
  certificate_serial: string;
  certificate_not_after: number;
  session: number;
  incarnation: string | null;
  journal_counter: number;
  draining: number;
  version: string | null;
  concurrency: number | null;
  shares_user: number | null;
  load_errors: string;
  created_at: number;
  connected_at: number | null;
  disconnected_at: number | null;
  last_seen_at: number | null;
  revoked_at: number | null;
  last_address: string | null;
  former_incarnations: Generated<string>;
  revision: Generated<number>;
  server: Generated<string | null>;
}

export interface AgentGroupsTable {
  agent: string;
  group_id: string;
}

export interface DefinitionsTable {
  agent: string;
  group_id: string;
  operation: string;
  digest: string;
  description: string;
  inputs: string | null;
  timeout_ms: number;
  idempotent: number;
  concurrency: number | null;
  compatibility: number;
  token: number;
  advertised_at: number;
}

export interface AcceptedDefinitionsTable {
  group_id: string;
  operation: string;
  digest: string;
  accepted_by: string;
  accepted_at: number;
}

export interface SensitiveInputsTable {
  group_id: string;
  operation: string;
  input: string;
}

export interface ActionsTable {
  id: string;
  project: string;
  name: string;
  description: string;
  group_id: string;
  operation: string;
  expires_in_ms: number;
  priority: number;
  sequence: number;
  created_at: number;
  revision: number;
}

export interface VariablesTable {
  id: string;
  project: string;
  action: string;
  name: string;
  description: string;
  sensitive: number;
  value: string | null;
  envelope: string | null;
  updated_at: number;
  revision: number;
}

export interface VariableBindingsTable {
  variable: string;
  action: string;
  input: string;
  bound_by: string;
}

export interface SchedulesTable {
  id: string;
  project: string;
  name: string;
  action: string;
  cron: string;
  zone: string;
  inputs: string;
  envelope: string | null;
  skipped_hour: string;
  doubled_hour: string;
  misfire: string;
  enabled: number;
  next_fire_at: number | null;
  last_fired_at: number | null;
  last_run: string | null;
  last_error: string | null;
  created_by: string;
  created_at: number;
  revision: number;
}

export interface RunsTable {
  id: string;
  organization: string;
  project: string;
  action: string;
  action_name: string;
  group_id: string;
  operation: string;
  sequence: number;
  state:
    | 'queued'
    | 'offered'
    | 'running'
    | 'succeeded'
    | 'failed'
    | 'canceled'
    | 'timed_out'
    | 'indeterminate'
    | 'expired'
    | 'refused';
  priority: number;
  turn: number;
  attempt: number;
  lapsed: number;
  lease_until: number | null;
  agent: string | null;
  agent_session: number | null;
  agent_incarnation: string | null;
  excluded_agents: string;
  requested_by: string;
  requester_name: string;
  token: string | null;
  schedule: string | null;
  reason: string | null;
  definition_digest: string | null;
  pinned_digest: number;
  idempotent: number;
  timeout_ms: number | null;
  visible_inputs: string;
  envelope: string | null;
  outcome: string | null;
  failure_code: string | null;
  failure_message: string | null;
  evidence: string | null;
  settled: number;
  released_by: string | null;
  store_incarnation: string;
  rebuilt: string | null;
  cancel_requested_at: number | null;
  cancel_reason: string | null;
  canceled_by: string | null;
  timeout_sent_at: number | null;
  last_wire_seq: number;
  last_event: number;
  queued_at: number;
  offered_at: number | null;
  started_at: number | null;
  ended_at: number | null;
  expires_at: number;
  /** Of the trace that the press belongs to (W3C Trace Context); null where nobody traces it. */
  traceparent: string | null;
  output_pruned_at: number | null;
}

export interface RunEventsTable {
  run: string;
  seq: number;
  at: number;
  kind: 'state' | 'output' | 'status' | 'progress' | 'cancel';
  attempt: number;
  wire_seq: number | null;
  data: string;
}

export interface RunTombstonesTable {
  run: string;
  attempt: number;
  state: string;
  pruned_at: number;
}

export interface AuditEventsTable {
  id: string;
  organization: string;
  at: number;
  principal: string | null;
  actors: string | null;
  operation: string;
  permission: string | null;
  resource: string;
  result: string;
  decision: string | null;
  details: string;
  request: string;
  mac: string;
  position: number | null;
  previous_hash: string | null;
  hash: string | null;
}

export interface AuditHeadsTable {
  number: number;
  organization: string;
  position: number;
  hash: string;
  at: number;
  jws: string;
}

export interface AuditDenialsTable {
  reason: string;
  day: string;
  count: number;
}

export interface SigningKeysTable {
  kid: string;
  purpose: 'ca_root' | 'ca_intermediate' | 'ca_data_plane' | 'server' | 'intent' | 'audit' | 'token';
  state: 'next' | 'active' | 'retired';
  public_jwk: string;
  wrapped_private: string;
  certificate: string | null;
  created_at: number;
  not_after: number | null;
}

export interface Database
  extends
    AuthorityTables,
    OauthTables,
    SignInTables,
    PkiTables,
    AuditTables,
    RunsTables,
    ReplicasTables,
    RetentionTables {
  store_meta: StoreMetaTable;
  organizations: OrganizationsTable;
  folders: FoldersTable;
  projects: ProjectsTable;
  principals: PrincipalsTable;
  tokens: TokensTable;
  decisions: DecisionsTable;
  idempotency_keys: IdempotencyKeysTable;
  groups: GroupsTable;
  join_tokens: JoinTokensTable;
  agents: AgentsTable;
  agent_groups: AgentGroupsTable;
  definitions: DefinitionsTable;
  accepted_definitions: AcceptedDefinitionsTable;
  sensitive_inputs: SensitiveInputsTable;
  actions: ActionsTable;
  variables: VariablesTable;
  variable_bindings: VariableBindingsTable;
  schedules: SchedulesTable;
  runs: RunsTable;
  run_events: RunEventsTable;
  run_tombstones: RunTombstonesTable;
  audit_events: AuditEventsTable;
  audit_heads: AuditHeadsTable;
  audit_denials: AuditDenialsTable;
  signing_keys: SigningKeysTable;
}
