// The SQL of agents: who they are, their groups and certificates, their sessions.
import { sql } from 'kysely';
import type { CompiledQuery, Selectable, SqlBool } from 'kysely';
import { nowMs } from '../store/dialect.ts';
import type { AgentsTable } from '../store/schema.ts';
import { step } from '../store/step.ts';
import type { Step, Store } from '../store/store.ts';

export interface AgentRow extends Selectable<AgentsTable> {
  running: number;
}

export interface GroupOfAgent {
  readonly id: string;
  readonly name: string;
  readonly production: number;
}

function agentRows(store: Store) {
  return store.db
    .selectFrom('agents')
    .selectAll('agents')
    .select((e) =>
      e
        .selectFrom('runs')
        .whereRef('runs.agent', '=', 'agents.id')
        // The condition of the index runs_held, word for word: SQLite takes it for nothing less.
        .where(
          sql<SqlBool>`(runs.state = 'offered' or runs.state = 'running' or runs.state = 'indeterminate')`,
        )
        .where('runs.state', '=', sql.lit('running'))
        .select((f) => f.fn.countAll<number>().as('n'))
        .as('running'),
    );
}

export function selectAgents(
  store: Store,
  page: { readonly project: string; readonly after: string | null; readonly limit: number },
): CompiledQuery<AgentRow> {
  let query = agentRows(store).where('agents.project', '=', page.project);
  if (page.after !== null) query = query.where('agents.id', '<', page.after);
  return query
    .orderBy('agents.id', 'desc')
    .limit(page.limit + 1)
    .compile() as unknown as CompiledQuery<AgentRow>;
}

/** By id or by name in the project. */
export function selectAgent(store: Store, project: string, reference: string): CompiledQuery<AgentRow> {
  return agentRows(store)
    .where('agents.project', '=', project)
    .where((e) => e.or([e('agents.id', '=', reference), e('agents.name', '=', reference)]))
    .compile() as unknown as CompiledQuery<AgentRow>;
}

export function selectAgentById(store: Store, id: string): CompiledQuery<Selectable<AgentsTable>> {
  return store.db.selectFrom('agents').selectAll().where('id', '=', id).compile();
}

export function selectGroupsOf(
  store: Store,
  agents: readonly string[],
): CompiledQuery<GroupOfAgent & { readonly agent: string }> {
  return store.db
    .selectFrom('agent_groups')
    .innerJoin('groups', 'groups.id', 'agent_groups.group_id')
    .select(['agent_groups.agent', 'groups.id', 'groups.name', 'groups.production'])
    .where('agent_groups.agent', 'in', agents)
    .orderBy('groups.name')
    .compile();
}

export function selectGroups(store: Store, ids: readonly string[]): CompiledQuery<GroupOfAgent> {
  return store.db
    .selectFrom('groups')
    .select(['id', 'name', 'production'])
    .where('id', 'in', ids)
    .orderBy('name')
    .compile();
}

export type NewAgent = Pick<
  AgentsTable,
  | 'id'
  | 'organization'
  | 'project'
  | 'name'
  | 'key_fingerprint'
  | 'sealing_key'
  | 'certificate_serial'
  | 'certificate_not_after'
> & { readonly status: 'active' | 'pending_approval'; readonly groups: readonly string[] };

/** The agent with its groups. A revoked agent of the same name gives the name up. */
export function insertAgent(store: Store, agent: NewAgent): readonly Step[] {
  const { groups, ...columns } = agent;
  const now = nowMs(store.engine);
  return [
    step(
      store.db
        .updateTable('agents')
        .set({ name: sql<string>`'revoked:' || id` })
        .where('project', '=', agent.project)
        .where('name', '=', agent.name)
        .where('status', '=', 'revoked'),
    ),
    step(
      store.db.insertInto('agents').values({
        ...columns,
        generation: 1,
        session: 0,
        incarnation: null,
        journal_counter: 0,
        draining: 0,
        version: null,
        concurrency: null,
        shares_user: null,
        load_errors: '[]',
        created_at: now,
        connected_at: null,
        disconnected_at: null,
        last_seen_at: null,
        revoked_at: null,
        last_address: null,
      }),
    ),
    step(
      store.db
        .insertInto('agent_groups')
        .values(groups.map((group) => ({ agent: agent.id, group_id: group }))),
    ),
  ];
}

/** What a new certificate changes, where the last one issued is still of generation `from`. */
export function updateCertificate(
  store: Store,
  certificate: Pick<
    AgentsTable,
    'id' | 'key_fingerprint' | 'sealing_key' | 'generation' | 'certificate_serial' | 'certificate_not_after'
  > & { readonly from: { readonly generation: number; readonly key_fingerprint: string } },
): Step {
  const { id, from, ...columns } = certificate;
  return step(
    store.db
      .updateTable('agents')
      .set({ ...columns, may_be_ahead: 0 })
      .where('id', '=', id)
      .where('generation', '=', from.generation)
      .where('key_fingerprint', '=', from.key_fingerprint)
      .where('status', 'in', ['active', 'pending_approval']),
    { name: 'generation', exactly: 1 },
  );
}

/** What a certificate says that the database has lost. */
export function catchUpCertificate(
  store: Store,
  certificate: Pick<
    AgentsTable,
    'id' | 'key_fingerprint' | 'generation' | 'certificate_serial' | 'certificate_not_after'
  > & { readonly from: number },
): Step {
  const { id, from, ...columns } = certificate;
  return step(
    store.db
      .updateTable('agents')
      .set(columns)
      .where('id', '=', id)
      .where('generation', '=', from)
      .where('status', '!=', 'revoked'),
    { name: 'generation', exactly: 1 },
  );
}

/** A new session, higher than all before (rules.md 1), for an active agent whose certificate is not going back. */
export function beginSession(
  store: Store,
  agent: {
    readonly id: string;
    readonly organization: string;
    readonly project: string;
    readonly generation: number;
    /** The process that the agent is connected to. */
    readonly server: string;
  },
): Step {
  const now = nowMs(store.engine);
  const { generation, server } = agent;
  return step(
    store.db
      .updateTable('agents')
      .set({
        session: sql<number>`session + 1`,
        generation_seen: generation,
        server,
        connected_at: now,
        disconnected_at: null,
        last_seen_at: now,
      })
      .where('id', '=', agent.id)
      .where('organization', '=', agent.organization)
      .where('project', '=', agent.project)
      .where('status', '=', 'active')
      .where('generation_seen', '<=', generation)
      // One that is ahead of what we know is looked at first (catch-up.ts).
      .where('generation', '>=', generation)
      .returning('session'),
    { name: 'agent', exactly: 1 },
  );
}

export interface InSession {
  readonly agentId: string;
  readonly session: number;
}

/** Fails where a newer session has begun, or the agent is not active any more. */
export function sessionGuard(store: Store, { agentId, session }: InSession): Step {
  return step(
    store.db
      .selectFrom('agents')
      .select('id')
      .where('id', '=', agentId)
      .where('session', '=', session)
      .where('status', '=', 'active'),
    { name: 'session', exactly: 1 },
  );
}

export function endSession(store: Store, { agentId, session }: InSession): Step {
  const now = nowMs(store.engine);
  return step(
    store.db
      .updateTable('agents')
      .set({ disconnected_at: now, last_seen_at: now })
      .where('id', '=', agentId)
      .where('session', '=', session)
      .where('disconnected_at', 'is', null),
  );
}

export type StandingRow = Pick<Selectable<AgentsTable>, 'id' | 'name' | 'status' | 'session' | 'draining'>;

/** What may have been changed of connected agents by another process. */
export function selectStandings(store: Store, agents: readonly string[]): CompiledQuery<StandingRow> {
  return store.db
    .selectFrom('agents')
    .select(['id', 'name', 'status', 'session', 'draining'])
    .where('id', 'in', agents)
    .compile();
}

/** Fails as `sessionGuard` does, and where the journal's counter goes back (rules.md 13). */
export function updatePulse(store: Store, of: InSession & { readonly journalCounter: number }): Step {
  return step(
    store.db
      .updateTable('agents')
      .set({
        last_seen_at: nowMs(store.engine),
        journal_counter: of.journalCounter,
        // Where its process was taken for lost.
        disconnected_at: null,
      })
      .where('id', '=', of.agentId)
      .where('session', '=', of.session)
      .where('status', '=', 'active')
      .where('journal_counter', '<=', of.journalCounter),
    { name: 'session', exactly: 1 },
  );
}

export type HelloColumns = Pick<
  AgentsTable,
  'incarnation' | 'journal_counter' | 'version' | 'concurrency' | 'shares_user' | 'load_errors'
> & { readonly last_address?: string; readonly former_incarnations?: string };

/** Which processes of the agent have said hello, the last of them from where. */
export function selectProcesses(
  store: Store,
  id: string,
): CompiledQuery<Pick<Selectable<AgentsTable>, 'incarnation' | 'former_incarnations' | 'last_address'>> {
  return store.db
    .selectFrom('agents')
    .select(['incarnation', 'former_incarnations', 'last_address'])
    .where('id', '=', id)
    .compile();
}

/** The same guard; a new process of the agent is not draining any more, whatever the one before was told. */
export function updateHello(store: Store, of: InSession, columns: HelloColumns): Step {
  const now = nowMs(store.engine);
  return step(
    store.db
      .updateTable('agents')
      .set({
        ...columns,
        last_seen_at: now,
        draining: sql<number>`case when incarnation = ${columns.incarnation} then draining else 0 end`,
      })
      .where('id', '=', of.agentId)
      .where('session', '=', of.session)
      .where('status', '=', 'active')
      .where('journal_counter', '<=', columns.journal_counter)
      .returning(['name', 'draining', now.as('now')]),
    { name: 'session', exactly: 1 },
  );
}

export function updateLoadErrors(store: Store, of: InSession, loadErrors: string): Step {
  return step(
    store.db
      .updateTable('agents')
      .set({ load_errors: loadErrors })
      .where('id', '=', of.agentId)
      .where('session', '=', of.session)
      .where('status', '=', 'active'),
    { name: 'session', exactly: 1 },
  );
}

/** Its guard fails where somebody else changed it meanwhile. */
export function describeAgent(
  store: Store,
  agent: {
    readonly id: string;
    readonly name: string;
    readonly description: string;
    readonly revision: number;
  },
): Step {
  const { id, name, description, revision } = agent;
  return step(
    store.db
      .updateTable('agents')
      .set({ name, description, revision: revision + 1 })
      .where('id', '=', id)
      .where('revision', '=', revision),
    { name: 'revision', exactly: 1 },
  );
}

export function setDraining(store: Store, agent: string): Step {
  return step(
    store.db
      .updateTable('agents')
      .set({ draining: 1 })
      .where('id', '=', agent)
      .where('status', '=', 'active'),
    { name: 'agent', exactly: 1 },
  );
}

/** The next session number is spent too, so that no write of the live session holds any more. */
export function quarantine(store: Store, agent: string): Step {
  return step(
    store.db
      .updateTable('agents')
      .set({ status: 'quarantined', session: sql<number>`session + 1`, disconnected_at: nowMs(store.engine) })
      .where('id', '=', agent)
      .where('status', 'in', ['active', 'pending_approval']),
    { name: 'agent', exactly: 1 },
  );
}

/** As `quarantine`, for good. */
export function revoke(store: Store, agent: string): Step {
  const now = nowMs(store.engine);
  return step(
    store.db
      .updateTable('agents')
      .set({ status: 'revoked', session: sql<number>`session + 1`, revoked_at: now, disconnected_at: now })
      .where('id', '=', agent)
      .where('status', '!=', 'revoked'),
    { name: 'agent', exactly: 1 },
  );
}

/** Only for the key that the person has seen. What made a quarantined agent suspicious is forgotten. */
export function approve(store: Store, agent: { readonly id: string; readonly fingerprint: string }): Step {
  return step(
    store.db
      .updateTable('agents')
      .set({
        status: 'active',
        may_be_ahead: 0,
        journal_counter: 0,
        incarnation: null,
        former_incarnations: '[]',
      })
      .where('id', '=', agent.id)
      .where('key_fingerprint', '=', agent.fingerprint)
      .where('status', 'in', ['pending_approval', 'quarantined']),
    { name: 'agent', exactly: 1 },
  );
}
