// Runs as the API shows them: one, or a page of a project's, newest first.
import type { z } from 'zod';
import { rebuiltSchema } from '../../protocol/api/runs.ts';
import type { Run, runListQuerySchema } from '../../protocol/api/runs.ts';
import { Failure } from '../../protocol/failures.ts';
import { parseJson } from '../../protocol/json.ts';
import { outcomeSchema } from '../../protocol/outcome.ts';
import type { Outcome } from '../../protocol/outcome.ts';
import { isFinal, runStates } from '../../protocol/states.ts';
import type { RunsTable } from '../store/schema.ts';
import type { RunParts } from './parts.ts';
import { runRows } from './store-read.ts';
import type { RunRow } from './store-read.ts';
import { visibleInputsSchema } from './stored-inputs.ts';

type Reading = Pick<RunParts, 'store' | 'reads'>;

/** Throws `not_found`. */
export async function readRun(parts: Reading, run: string): Promise<Run> {
  const [row] = await parts.store.read(parts.reads.run({ run }));
  if (row === undefined) {
    throw new Failure('not_found', `There is no run ${run}; \`wayside run list\` shows what there is.`);
  }
  return runOfRow(row);
}

export interface RunPageQuery {
  readonly project: string;
  readonly state?: z.output<typeof runListQuerySchema>['state'];
  /** Id of an action. */
  readonly action?: string;
  /** Id of the last run of the page before. */
  readonly after: string | null;
  readonly limit: number;
}

/** Up to `limit` + 1 runs, so that the caller sees whether there are more. */
export async function listRuns(parts: Reading, page: RunPageQuery): Promise<readonly Run[]> {
  let query = runRows(parts.store).where('runs.project', '=', page.project);
  if (page.action !== undefined) query = query.where('runs.action', '=', page.action);
  if (page.after !== null) query = query.where('runs.id', '<', page.after);
  if (page.state !== undefined) query = query.where('runs.state', 'in', [...statesOf(page.state)]);
  const rows = await parts.store.read(
    query
      .orderBy('runs.id', 'desc')
      .limit(page.limit + 1)
      .compile(),
  );
  return rows.map(runOfRow);
}

/** Where a run is, for the check of permissions; null where there is no such run. */
export async function findRun(
  parts: Reading,
  run: string,
): Promise<Pick<RunsTable, 'id' | 'organization' | 'project' | 'action' | 'group_id'> | null> {
  const [row] = await parts.store.read(parts.reads.facts({ run }));
  return row ?? null;
}

function statesOf(state: NonNullable<RunPageQuery['state']>) {
  if (state === 'active') return runStates.filter((each) => !isFinal(each));
  if (state === 'ended') return runStates.filter(isFinal);
  return [state];
}

export function runOfRow(row: RunRow): Run {
  return {
    id: row.id,
    project: { id: row.project, name: row.project_name },
    action: { id: row.action, name: row.action_name },
    group: { id: row.group_id, name: row.group_name },
    operation: row.operation,
    sequence: row.sequence,
    state: row.state,
    priority: row.priority,
    attempt: row.attempt,
    agent: row.agent === null ? null : { id: row.agent, name: row.agent_name ?? row.agent },
    agent_unreachable_since: row.silent_since,
    requested_by: { id: row.requested_by, name: row.requester_name },
    reason: row.reason,
    definition_digest: row.definition_digest,
    inputs: visibleInputsSchema.parse(parseJson(row.visible_inputs)),
    outcome: outcomeOf(row.outcome),
    failure:
      row.failure_code === null ? null : { code: row.failure_code, message: row.failure_message ?? '' },
    evidence: outcomeOf(row.evidence),
    rebuilt: rebuiltOf(row.rebuilt),
    cancel_requested_at: row.cancel_requested_at,
    queued_at: row.queued_at,
    offered_at: row.offered_at,
    started_at: row.started_at,
    ended_at: row.ended_at,
    expires_at: row.expires_at,
    output_pruned_at: row.output_pruned_at,
    last_event: row.last_event,
  };
}

function rebuiltOf(text: string | null): Run['rebuilt'] {
  return text === null ? null : rebuiltSchema.parse(parseJson(text));
}

function outcomeOf(text: string | null): Outcome | null {
  return text === null ? null : outcomeSchema.parse(parseJson(text));
}
