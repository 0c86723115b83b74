// The guards that live in SQL, one modelled statement for each real one: which rows it touches, and what it makes of
// them. `statements.test.ts` runs the real statement beside each over all small cases.
import type { RunState } from '../../protocol/states.ts';
import type { AgentFrame, ServerFrame } from '../../protocol/frames.ts';
import type { Rules } from './rules.ts';
import { withAgent } from './state.ts';
import type { AgentName, Db, Row } from './state.ts';

interface OnAttempt {
  readonly attempt: number;
}
interface ByAgent extends OnAttempt {
  readonly agent: AgentName;
}
interface Reporting extends ByAgent {
  readonly expected: number;
  readonly seq: number;
}
interface Told extends ByAgent {
  readonly incarnation: string;
  readonly store: string;
  readonly to: RunState;
  readonly seq: number;
}

export type Statement =
  /** store-offer.ts `session`, and agents/store.ts `sessionGuard` */
  | { readonly name: 'session'; readonly agent: AgentName; readonly session: number }
  /** store-offer.ts `offer`, whose `mayHave` asks the agent's row */
  | ({ readonly name: 'offer'; readonly session: number; readonly store: string } & ByAgent)
  /** store-offer.ts `accept` */
  | ({ readonly name: 'accept'; readonly incarnation: string } & ByAgent)
  /** store-offer.ts `inherit` */
  | ({ readonly name: 'inherit'; readonly incarnation: string } & ByAgent)
  /** store-offer.ts `adopt` */
  | ({ readonly name: 'adopt'; readonly store: string } & ByAgent)
  /** store-offer.ts `requeue` */
  | ({ readonly name: 'requeue'; readonly excluded: string } & OnAttempt)
  /** store-offer.ts `retry` */
  | ({ readonly name: 'retry' } & ByAgent)
  /** store.ts `conclude` */
  | ({
      readonly name: 'conclude';
      readonly from: RunState;
      readonly to: RunState;
      readonly code?: string;
    } & OnAttempt)
  /** store.ts `cancel` */
  | ({ readonly name: 'cancel'; readonly from: RunState } & OnAttempt)
  /** store.ts `requestCancel` */
  | ({ readonly name: 'requestCancel' } & OnAttempt)
  /** store.ts `release` */
  | ({ readonly name: 'release' } & OnAttempt)
  /** store-report.ts `report` */
  | ({ readonly name: 'report' } & Reporting)
  /** store-report.ts `end` */
  | ({ readonly name: 'end'; readonly to: RunState } & Reporting)
  /** store-report.ts `settle` */
  | ({ readonly name: 'settle'; readonly to: RunState } & Reporting)
  /** store-report.ts `evidence` */
  | ({ readonly name: 'evidence' } & Reporting)
  /** store.ts `revoke`: offered -> queued and running -> indeterminate */
  | { readonly name: 'takeBack'; readonly agent: AgentName }
  | { readonly name: 'giveUp'; readonly agent: AgentName }
  /** store-rebuild.ts `insertLost` */
  | ({ readonly name: 'insertLost' } & Told)
  /** store-rebuild.ts `advance` */
  | ({
      readonly name: 'advance';
      readonly from: RunState;
      readonly fromAttempt: number;
      readonly settled: number;
    } & Told)
  /** store-rebuild.ts `skip` */
  | ({ readonly name: 'skip'; readonly seq: number } & ByAgent)
  /** store-read.ts `ended` and store.ts `forget` */
  | { readonly name: 'forget' }
  /** agents/store.ts `beginSession`, `endSession`, `updateHello`, `revoke`, `quarantine` */
  | { readonly name: 'beginSession'; readonly agent: AgentName }
  | { readonly name: 'endSession'; readonly agent: AgentName; readonly session: number }
  | {
      readonly name: 'updateHello';
      readonly agent: AgentName;
      readonly session: number;
      readonly incarnation: string;
      readonly former: readonly string[];
      readonly journalCounter: number;
    }
  | { readonly name: 'revokeAgent'; readonly agent: AgentName }
  | { readonly name: 'quarantine'; readonly agent: AgentName }
  /** authority: the policy is still the one that was asked */
  | { readonly name: 'policy'; readonly authority: boolean };

/** Statements that are stored together or not at all, and what is sent after that. */
export interface Unit {
  readonly statements: readonly Statement[];
  readonly sends: readonly { readonly wire: string; readonly frame: ServerFrame }[];
  /** Where the frame that caused it came from. */
  readonly cause: { readonly wire: string; readonly frame: AgentFrame } | null;
  /** The seat that is taken when it is stored. */
  readonly seat?: string;
  /** Closed with an accusation. */
  readonly accused?: string;
  /** Closed because reports are missing. */
  readonly closes?: string;
}

/** Whose touching no row is no failure of the unit. */
const unguarded: ReadonlySet<Statement['name']> = new Set([
  'offer',
  'adopt',
  'takeBack',
  'giveUp',
  'endSession',
  'forget',
]);

export type Applied = { readonly db: Db; readonly failed: Statement['name'] | null };

/** All or none, as `Store.write`. */
export function applyUnit(before: Db, statements: readonly Statement[], rules: Rules): Applied {
  let db = before;
  for (const statement of statements) {
    const next = applyStatement(db, statement, rules);
    if (next === null && !unguarded.has(statement.name)) return { db: before, failed: statement.name };
    db = next ?? db;
  }
  return { db, failed: null };
}

/** The database after the statement; null where it touches nothing. */
export function applyStatement(db: Db, statement: Statement, rules: Rules): Db | null {
  return onAgents(db, statement, rules) ?? onRow(db, statement, rules);
}

function onAgents(db: Db, statement: Statement, rules: Rules): Db | null {
  switch (statement.name) {
    case 'session': {
      return isCurrent(db, statement, rules) ? db : null;
    }
    case 'beginSession': {
      const { status, session } = db.agents[statement.agent];
      if (status !== 'active' && rules.holds('revoked-is-mute')) return null;
      return withAgent(db, statement.agent, { session: session + 1, connected: true });
    }
    case 'endSession': {
      const { session, connected } = db.agents[statement.agent];
      if (session !== statement.session || !connected) return null;
      return withAgent(db, statement.agent, { connected: false });
    }
    case 'updateHello': {
      const { agent, incarnation, former, journalCounter } = statement;
      if (!isCurrent(db, statement, rules) || db.agents[agent].journalCounter > journalCounter) return null;
      return withAgent(db, agent, { incarnation, former, journalCounter });
    }
    case 'revokeAgent':
    case 'quarantine': {
      const { status, session } = db.agents[statement.agent];
      const isRevoking = statement.name === 'revokeAgent';
      if (isRevoking ? status === 'revoked' : status !== 'active') return null;
      return withAgent(db, statement.agent, {
        status: isRevoking ? 'revoked' : 'quarantined',
        session: session + 1,
        connected: false,
      });
    }
    case 'policy':
      return statement.authority === db.authority ? db : null;
    default:
      return null;
  }
}

function isCurrent(
  db: Db,
  { agent, session }: { readonly agent: AgentName; readonly session: number },
  rules: Rules,
): boolean {
  const row = db.agents[agent];
  if (row.status !== 'active' && rules.holds('revoked-is-mute')) return false;
  if (row.status === 'revoked') return true;
  return row.session === session || !rules.holds('session');
}

const nobody = { agent: null, agent_incarnation: null, last_wire_seq: 0 } as const;

function onRow(db: Db, statement: Statement, rules: Rules): Db | null {
  const { row } = db;
  if (statement.name === 'insertLost') return insertLost(db, statement);
  if (row === null) return null;
  const to = (fields: Partial<Row> | null): Db | null =>
    fields === null ? null : { ...db, row: { ...row, ...fields } };
  switch (statement.name) {
    case 'offer':
      return to(offer(db, row, statement, rules));
    case 'accept':
      return to(
        isOf(row, statement, rules) && row.state === 'offered'
          ? { state: 'running', agent_incarnation: statement.incarnation, started_at: db.now }
          : null,
      );
    case 'inherit':
      return to(
        isOf(row, statement, rules) && row.state === 'running' && row.cancel_requested_at === null
          ? { agent_incarnation: statement.incarnation }
          : null,
      );
    case 'adopt':
      return to(isOf(row, statement, rules) ? { store_incarnation: statement.store } : null);
    case 'requeue':
      return to(
        row.attempt === statement.attempt && row.state === 'offered'
          ? { state: 'queued', ...nobody, excluded_agents: statement.excluded }
          : null,
      );
    case 'retry':
      return to(
        mayRetry(db, row, rules) && isOf(row, statement, rules) ? { state: 'queued', ...nobody } : null,
      );
    case 'conclude':
      return to(
        row.attempt === statement.attempt && row.state === statement.from
          ? { state: statement.to, failure_code: statement.code ?? null }
          : null,
      );
    case 'takeBack':
      return to(
        row.agent === statement.agent && row.state === 'offered' ? { state: 'queued', agent: null } : null,
      );
    case 'giveUp':
      return to(row.agent === statement.agent && row.state === 'running' ? { state: 'indeterminate' } : null);
    case 'forget':
      if (!isPrunable(row)) return null;
      return { ...db, row: null, pruned: true, tombstone: rules.holds('tombstones') };
    case 'cancel':
    case 'requestCancel':
    case 'release':
      return to(byPerson(row, statement));
    case 'report':
    case 'end':
    case 'settle':
    case 'evidence':
      return to(reported(row, statement, rules));
    case 'advance':
      return to(advance(db, row, statement));
    case 'skip':
      return to(
        isOf(row, statement, rules) && row.last_wire_seq < statement.seq
          ? { last_wire_seq: statement.seq }
          : null,
      );
    default:
      return null;
  }
}

/** Rule 5: `WHERE agent = … AND attempt = …`. */
function isOf(row: Row, { agent, attempt }: ByAgent, rules: Rules): boolean {
  return !rules.holds('own-attempt') || (row.agent === agent && row.attempt === attempt);
}

function offer(
  db: Db,
  row: Row,
  { agent, session, attempt, store }: Extract<Statement, { name: 'offer' }>,
  rules: Rules,
): Partial<Row> | null {
  const current = db.agents[agent];
  const isHere = current.status === 'active' && (current.session === session || !rules.holds('session'));
  if (!isHere || row.state !== 'queued' || row.attempt !== attempt) return null;
  return {
    state: 'offered',
    attempt: attempt + 1,
    agent,
    agent_incarnation: null,
    last_wire_seq: 0,
    store_incarnation: store,
  };
}

/** What `retry` asks of the row, and `retryable` before it. */
export function mayRetry(db: Db, row: Row, rules: Rules): boolean {
  return (
    row.state === 'running' &&
    (row.idempotent === 1 || !rules.holds('idempotent-only')) &&
    row.cancel_requested_at === null &&
    (!db.laterStarted || !rules.holds('no-later-run'))
  );
}

/** What `ended` selects, apart from the age. */
export function isPrunable(row: Row): boolean {
  if (row.state === 'queued' || row.state === 'offered' || row.state === 'running') return false;
  return row.state !== 'indeterminate' || row.released_by !== null;
}

function byPerson(
  row: Row,
  statement: Extract<Statement, { name: 'cancel' | 'requestCancel' | 'release' }>,
): Partial<Row> | null {
  if (row.attempt !== statement.attempt) return null;
  switch (statement.name) {
    case 'cancel':
      return row.state === statement.from ? { state: 'canceled', cancel_requested_at: 1 } : null;
    case 'requestCancel':
      return row.state === 'running' && row.cancel_requested_at === null ? { cancel_requested_at: 1 } : null;
    case 'release':
      return row.state === 'indeterminate' && row.released_by === null ? { released_by: 'u' } : null;
  }
}

function reported(
  row: Row,
  statement: Extract<Statement, { name: 'report' | 'end' | 'settle' | 'evidence' }>,
  rules: Rules,
): Partial<Row> | null {
  if (!isOf(row, statement, rules) || row.last_wire_seq !== statement.expected) return null;
  const last_wire_seq = statement.seq;
  const isUnsettled = row.state === 'indeterminate' && row.settled === 0;
  switch (statement.name) {
    case 'report':
      return row.state === 'running' || row.state === 'indeterminate' ? { last_wire_seq } : null;
    case 'end':
      return row.state === 'running' ? { last_wire_seq, state: statement.to } : null;
    case 'settle':
      return isUnsettled ? { last_wire_seq, state: statement.to, settled: 1 } : null;
    case 'evidence':
      return isUnsettled ? { last_wire_seq } : null;
  }
}

function told({ attempt, agent, incarnation, store, to, seq }: Told): Partial<Row> {
  return {
    state: to,
    attempt,
    agent,
    agent_incarnation: incarnation,
    store_incarnation: store,
    idempotent: 0,
    failure_code: to === 'indeterminate' ? 'store_rolled_back' : null,
    last_wire_seq: seq,
  };
}

function insertLost(db: Db, statement: Extract<Statement, { name: 'insertLost' }>): Db | null {
  if (db.row !== null) return null;
  return { ...db, row: { ...bornRow(statement.store), ...told(statement), started_at: db.now } };
}

function advance(db: Db, row: Row, statement: Extract<Statement, { name: 'advance' }>): Partial<Row> | null {
  const { from, fromAttempt, settled, store } = statement;
  if (row.attempt !== fromAttempt || row.state !== from) return null;
  if (row.store_incarnation === store && row.state !== 'indeterminate') return null;
  return { ...told(statement), settled, started_at: db.now };
}

/** As the press stores it. */
export function bornRow(store: string): Row {
  return {
    id: 'run',
    organization: 'o',
    project: 'p',
    action: 'a',
    action_name: 'deploy',
    group_id: 'g',
    operation: 'deploy',
    sequence: 1,
    state: 'queued',
    priority: 0,
    turn: 0,
    attempt: 0,
    lapsed: 0,
    agent: null,
    agent_incarnation: null,
    excluded_agents: '{}',
    requested_by: 'u',
    requester_name: 'u',
    token: null,
    definition_digest: 'd',
    idempotent: 0,
    timeout_ms: 60_000,
    settled: 0,
    failure_code: null,
    released_by: null,
    store_incarnation: store,
    cancel_requested_at: null,
    last_wire_seq: 0,
    last_event: 0,
    expires_at: 0,
    traceparent: null,
    started_at: null,
  };
}
