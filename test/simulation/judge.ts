// The judge of a simulated world: what is stored is held against what was promised to those who pressed, and against
// the ledger of the operations. An empty list of violations is the truth.
import { isFinal, nextState, runTriggers } from '../../protocol/states.ts';
import type { RunState } from '../../protocol/states.ts';
import { natureOf } from './operations.ts';
import type { Execution } from './operations.ts';
import type { World } from './world.ts';

interface StoredRun {
  readonly id: string;
  readonly action_name: string;
  readonly state: RunState;
  readonly attempt: number;
  readonly last_event: number;
  readonly failure_code: string | null;
  readonly outcome: string | null;
}

interface StoredEvent {
  readonly seq: number;
  readonly kind: string;
  readonly attempt: number;
  readonly data: Readonly<Record<string, unknown>>;
}

export function judge(world: World): void {
  const runs = world.database.look(
    'select id, action_name, state, attempt, last_event, failure_code, outcome from runs order by id',
  ) as unknown as readonly StoredRun[];
  const stored = new Map(runs.map((run) => [run.id, run]));
  for (const { run, action } of world.presses) {
    if (run !== null && !stored.has(run)) world.broke(`an acknowledged press of ${action} is lost`, null);
  }
  if (runs.length > world.presses.length) world.broke('there are more runs than presses', null);
  for (const { run } of world.ledger.executions) {
    if (!stored.has(run)) world.broke('something ran that nobody pressed', null);
  }
  for (const run of runs) judgeRun(world, run);
}

function judgeRun(world: World, run: StoredRun): void {
  const events = eventsOf(world, run.id);
  const executions = world.ledger.executions.filter((execution) => execution.run === run.id);
  const facts = { world, run, events, executions };
  const found = [...verdictLies(facts), ...startLies(facts), ...eventLies(facts), ...outputLies(facts)];
  const name = world.trace.nameOf(run.id);
  const history = statesOf(events).join(' ');
  world.trace.say(
    world.time.now,
    `${name} ${run.action_name} [${history}] ${run.failure_code ?? ''} executed ${executions.length}`,
  );
  for (const lie of found) world.broke(`${name} ${run.action_name} [${history}]: ${lie}`, null);
}

interface Facts {
  readonly world: World;
  readonly run: StoredRun;
  readonly events: readonly StoredEvent[];
  readonly executions: readonly Execution[];
}

function startLies({ world, run, executions }: Facts): string[] {
  const found: string[] = [];
  const { idempotent } = natureOf(run.action_name);
  if (!idempotent && executions.length > 1) found.push(`it was executed ${executions.length} times`);
  const attempts = new Set(executions.map(({ attempt }) => attempt));
  if (attempts.size < executions.length) found.push('an attempt was executed twice');
  executions.forEach((execution, index) => {
    const before = executions[index - 1];
    if (before !== undefined && (before.ended ?? Infinity) > execution.began)
      found.push('two executions overlap');
  });
  const canceledAt = world.presses.find((each) => each.run === run.id)?.canceledAt ?? null;
  if (canceledAt !== null && run.state !== 'canceled') found.push(`it is ${run.state} and was canceled`);
  if (canceledAt !== null && !idempotent && executions.length > 0)
    found.push('it was canceled before it ran, and ran');
  return found;
}

function verdictLies({ world, run, events, executions }: Facts): string[] {
  const { state } = run;
  const found: string[] = [];
  if (!isFinal(state)) found.push(`it is ${state} in the end`);
  const last = executions.find(({ attempt }) => attempt === run.attempt);
  if (last?.ended === null) found.push('it goes on');
  const began = run.outcome !== null && run.outcome.includes('"operations":[{');
  const claimsExecution = state === 'succeeded' || (isVerdict(state) && began);
  if (claimsExecution && last?.result !== state) {
    found.push(
      `it is ${state}, and its execution ${last === undefined ? 'never was' : `is ${String(last.result)}`}`,
    );
  }
  const claimsNothing = state === 'refused' || state === 'expired' || (isVerdict(state) && !began);
  // An idempotent one waited to be done again after its agent died, whatever had become of it there, and then was not.
  const isGivenUp = natureOf(run.action_name).idempotent && waitedAgain(events) && !isByAgent(events);
  if (claimsNothing && last !== undefined && !isGivenUp) {
    found.push(`it is ${state} (${run.failure_code ?? ''}), as if nothing had started`);
  }
  for (const { kind, data } of events) {
    if (kind !== 'state' || data['state'] !== 'indeterminate') continue;
    if (data['code'] === 'agent_interrupted' && !world.agents.some(({ deaths }) => deaths > 0)) {
      found.push('it was called interrupted, and no agent died');
    }
  }
  if (state === 'indeterminate' && !world.agents.some(({ deaths }) => deaths > 0)) {
    found.push('it is indeterminate, and no agent died');
  }
  return found;
}

/** The last state was told by an agent, and did not follow from waiting in the queue. */
function isByAgent(events: readonly StoredEvent[]): boolean {
  return statesOf(events).at(-2) !== 'queued' && statesOf(events).at(-2) !== 'offered';
}

/** A verdict that an agent gave, and that says whether something was started. */
function isVerdict(state: RunState): boolean {
  return state === 'succeeded' || state === 'failed' || state === 'canceled' || state === 'timed_out';
}

/** No database was rolled back. */
const triggers = runTriggers.filter((trigger) => trigger !== 'rollback');

function eventLies({ run, events }: Facts): string[] {
  const found: string[] = [];
  if (events.some(({ seq }, index) => seq !== index + 1)) found.push('its events have a gap or a duplicate');
  if (events.length !== run.last_event) found.push(`it has ${events.length} events of ${run.last_event}`);
  const states = statesOf(events);
  if (states[0] !== 'queued') found.push('it was not born queued');
  if (states.at(-1) !== run.state) found.push(`its last state event is not ${run.state}`);
  states.slice(1).forEach((to, index) => {
    const from = states[index];
    if (from === undefined || !triggers.some((trigger) => nextState(from, trigger) === to)) {
      found.push(`it went from ${from ?? 'nowhere'} to ${to}`);
    }
  });
  return found;
}

function outputLies({ run, events, executions }: Facts): string[] {
  const found: string[] = [];
  for (const execution of executions) {
    const { attempt, printed } = execution;
    const output = outputOf(events.filter((event) => event.attempt === attempt));
    if (!printed.startsWith(output))
      found.push(`of attempt ${attempt} its output is ${JSON.stringify(output)}`);
    if (attempt !== run.attempt || run.outcome === null) continue;
    const isTruncated = run.outcome.includes('"truncated":true');
    if (!isTruncated && output !== printed)
      found.push(`of its output there is only ${JSON.stringify(output)}`);
  }
  return found;
}

function outputOf(events: readonly StoredEvent[]): string {
  return events
    .filter(({ kind, data }) => kind === 'output' && data['stream'] === 'stdout')
    .map(({ data }) => Buffer.from(String(data['bytes']), 'base64').toString('utf8'))
    .join('');
}

function statesOf(events: readonly StoredEvent[]): readonly RunState[] {
  // A release changes nothing but the slot.
  return events
    .filter(({ kind, data }) => kind === 'state' && data['code'] !== 'released')
    .map(({ data }) => data['state'] as RunState);
}

function eventsOf(world: World, run: string): readonly StoredEvent[] {
  return world.database
    .look('select seq, kind, attempt, data from run_events where run = ? order by seq', run)
    .map((row) => ({
      seq: Number(row['seq']),
      kind: String(row['kind']),
      attempt: Number(row['attempt']),
      data: JSON.parse(String(row['data'])) as Record<string, unknown>,
    }));
}

/** Whether it was queued once more after it had run. */
function waitedAgain(events: Facts['events']): boolean {
  const states = events.flatMap(({ kind, data }) => (kind === 'state' ? [data['state']] : []));
  return states.indexOf('running') !== -1 && states.lastIndexOf('queued') > states.indexOf('running');
}
