// What the statements about runs share: the columns of the facts, states as literals, the next event's number.
import { sql } from 'kysely';
import type { ExpressionBuilder, RawBuilder } from 'kysely';
import type { RunState } from '../../protocol/states.ts';
import type { Database } from '../store/schema.ts';
import type { RunFacts } from './contract.ts';

/** A state as a literal, so that the partial indexes are used on both engines without planning again. */
export function is(state: RunState): RawBuilder<RunState> {
  return sql.lit(state);
}

export function nextEvent(e: ExpressionBuilder<Database, 'runs'>) {
  return e('last_event', '+', 1);
}

/**
 * In an agent's hands, or kept a slot by. Word for word the condition of the index `runs_held`, so that SQLite sees
 * that it may use it.
 */
export const isHeld = sql<boolean>`(runs.state = 'offered' or runs.state = 'running' or runs.state = 'indeterminate')`;

/** True of a run of whose action no later run has started. */
export const noLaterStarted = sql<boolean>`not exists (select 1 from runs as later
  where later.action = runs.action and later.sequence > runs.sequence and later.started_at is not null)`;

/** The parameters that every change of a run has. */
export const onRun = { run: '', attempt: 0 };

export const factColumns = [
  'id',
  'organization',
  'project',
  'action',
  'action_name',
  'group_id',
  'operation',
  'sequence',
  'state',
  'priority',
  'turn',
  'attempt',
  'lapsed',
  'agent',
  'agent_incarnation',
  'excluded_agents',
  'requested_by',
  'requester_name',
  'token',
  'definition_digest',
  'idempotent',
  'timeout_ms',
  'settled',
  'failure_code',
  'released_by',
  'store_incarnation',
  'cancel_requested_at',
  'last_wire_seq',
  'last_event',
  'expires_at',
  'traceparent',
] as const satisfies readonly (keyof RunFacts)[];
