// What must hold of every run after whatever happened to agents, servers and networks: it has ended, the ledger bears
// out its verdict, its events have no gap, its output is whole. Judged by the public API and the ledger alone.
import type { Run, RunEvent } from '../../protocol/api/runs.ts';
import { isFinal, nextState, runTriggers } from '../../protocol/states.ts';
import type { RunState } from '../../protocol/states.ts';
import type { Ledger } from './ledger.ts';
import { outputOf, shell, statesOf, until } from './system.ts';
import type { System } from './system.ts';
import { taggedAmong } from './tagged.ts';

/** Of the actions below. */
interface Nature {
  readonly idempotent: boolean;
  /** All that it prints. */
  readonly prints: string;
  readonly ends: 'succeeded' | 'failed';
}

const lines = (count: number): string => Array.from({ length: count }, (_, n) => `line ${n + 1}\n`).join('');

/** What the actions of `faultyFile` are like. */
export const natures: Readonly<Record<string, Nature>> = {
  quick: { idempotent: false, prints: lines(1), ends: 'succeeded' },
  lines: { idempotent: false, prints: lines(8), ends: 'succeeded' },
  steps: { idempotent: false, prints: lines(2), ends: 'succeeded' },
  fails: { idempotent: false, prints: lines(1), ends: 'failed' },
  again: { idempotent: true, prints: lines(6), ends: 'succeeded' },
  late: { idempotent: false, prints: lines(1), ends: 'succeeded' },
  spaced: { idempotent: false, prints: lines(1), ends: 'succeeded' },
};

/** An agent file with actions of every nature; each execution leaves its line in the ledger first. */
export function faultyFile(
  system: Pick<System, 'ledger'>,
  group = 'main',
  more: { readonly concurrency?: number; readonly own?: string } = {},
): string {
  const { record } = system.ledger;
  const run = (script: string): string => `
        run {
          ${shell(script)}
        }`;
  const counting = (to: number, pause: string): string =>
    `for n in $(seq 1 ${to}); do echo "line $n"; sleep ${pause}; done`;
  return `
    agent {
      concurrency    = ${more.concurrency ?? 8}
      shutdown_grace = "1s"
    }
    group "${group}" {
      action "quick" {${run(`${record}; echo "line 1"`)}
      }
      action "lines" {${run(`${record}; ${counting(8, '0.05')}`)}
      }
      action "steps" {
        operation {${run(`${record}; echo "line 1"; sleep 0.1`)}
        }
        operation {
          status {
            message = "half way"
          }
        }
        operation {${run('sleep 0.1; echo "line 2"')}
        }
      }
      action "fails" {${run(`${record}; echo "line 1"; exit 3`)}
      }
      action "again" {
        idempotent = true${run(`${record}; ${counting(6, '0.05')}`)}
      }
      action "late" {${run(`${record}; echo "line 1"; sleep 1`)}
      }
      action "spaced" {
        limits {
          min_interval = "2s"
        }${run(`${record}; echo "line 1"`)}
      }
    }
    ${more.own === undefined ? '' : ownGroup(more.own, run(`${record}; echo "line 1"`))}
  `;
}

/** A group that one agent alone serves, with an action of its name: what begins there begins at that agent. */
function ownGroup(name: string, block: string): string {
  return `group "${name}" {
      action "${name}" {${block}
      }
    }`;
}

function natureOf(action: string): Nature {
  const nature = natures[action.startsWith(ownPrefix) ? 'quick' : action];
  if (nature === undefined) throw new Error(`nobody knows the nature of ${action}`);
  return nature;
}

/** How the name of such a group begins. */
export const ownPrefix = 'own-';

/** What may have happened, so that a verdict can be a consequence of it. */
export interface Circumstances {
  /** False where no agent died: then nothing may be indeterminate. */
  readonly agentDied: boolean;
  /** How long everything may take to come to its end, in ms. */
  readonly msMax?: number;
}

/** Whom the truth is asked of: the public API and the ledger, or what a test made of them. */
export type Witness = Pick<System, 'untilEnded' | 'ask' | 'events'> & {
  readonly ledger: Pick<Ledger, 'counts'>;
};

/** So many runs are looked at side by side. */
const looksAtOnce = 8;

/**
 * Waits until all runs have ended, and answers everything that is not as it must be; an empty list is the truth.
 * `presses` are the keys of the requests that were made: each must have led to one run.
 */
export async function lies(
  witness: Witness,
  presses: ReadonlyMap<string, string>,
  circumstances: Circumstances,
): Promise<readonly string[]> {
  const { msMax = 60_000 } = circumstances;
  const ids = [...presses.values()];
  const asked = new Set(ids);
  const problems: string[] = [];
  try {
    await witness.untilEnded(ids, msMax);
  } catch {
    problems.push('a run is stuck');
  }
  if (asked.size !== presses.size) problems.push('two requests share a run');
  const stored = await allRuns(witness);
  for (const { id } of stored) if (!asked.has(id)) problems.push(`run ${id} was never asked for`);
  const byId = new Map(stored.map((run) => [run.id, run]));
  const surroundings = { stored, counts: witness.ledger.counts(), ...circumstances };
  for (const id of surroundings.counts.keys()) {
    if (!asked.has(id)) problems.push(`run ${id} was executed and never asked for`);
  }
  const waiting = ids.values();
  const look = async (): Promise<void> => {
    for (const id of waiting) {
      const run = byId.get(id);
      if (run === undefined) problems.push(`run ${id} is lost`);
      else problems.push(...(await liesOf(witness, run, surroundings)));
    }
  };
  await Promise.all(Array.from({ length: looksAtOnce }, look));
  const audit = await witness.ask<{ valid: boolean; problem: string | null }>('POST', '/v1/audit/verify', {});
  if (!audit.valid) problems.push(`the audit is broken: ${audit.problem ?? ''}`);
  for (const id of await stillAlive(ids)) problems.push(`the processes of run ${id} are alive`);
  return problems;
}

/** The runs of which something is alive, after a moment in which it may go. */
async function stillAlive(ids: readonly string[]): Promise<readonly string[]> {
  let alive: readonly string[] = [];
  await until(
    'nothing is alive',
    async () => {
      alive = await taggedAmong(ids);
      return alive.length === 0;
    },
    3_000,
  ).catch(() => undefined);
  return alive;
}

async function allRuns(system: Pick<Witness, 'ask'>): Promise<readonly Run[]> {
  const runs: Run[] = [];
  let cursor: string | null = '';
  while (cursor !== null) {
    const query: string = cursor === '' ? '' : `&cursor=${encodeURIComponent(cursor)}`;
    const page: { items: Run[]; next_cursor: string | null } = await system.ask(
      'GET',
      `/v1/projects/default/runs?limit=200${query}`,
    );
    runs.push(...page.items);
    cursor = page.next_cursor;
  }
  return runs;
}

interface Surroundings extends Circumstances {
  readonly stored: readonly Run[];
  readonly counts: ReadonlyMap<string, number>;
}

async function liesOf(
  system: Pick<Witness, 'events'>,
  run: Run,
  surroundings: Surroundings,
): Promise<readonly string[]> {
  const nature = natureOf(run.action.name);
  const events = await system.events(run.id, run.last_event);
  const executed = surroundings.counts.get(run.id) ?? 0;
  const found = [
    ...verdictLies(run, { nature, executed, surroundings }),
    ...eventLies(run, events),
    ...outputLies(run, nature, events),
  ];
  if (run.state === 'indeterminate' && nature.idempotent) {
    if (!(await isOvertaken(system, run, surroundings.stored))) found.push('it could have been done again');
  }
  const history = statesOf(events).join(' ');
  return found.map((lie) => `${run.action.name} ${run.id} [${history}; executed ${executed}]: ${lie}`);
}

function verdictLies(
  run: Run,
  facts: { readonly nature: Nature; readonly executed: number; readonly surroundings: Surroundings },
): string[] {
  const { nature, executed, surroundings } = facts;
  const { state, outcome } = run;
  const found: string[] = [];
  if (!isFinal(state)) found.push(`it is ${state}`);
  if (executed > (nature.idempotent ? run.attempt : 1)) found.push(`it was executed ${executed} times`);
  const began = outcome !== null && outcome.operations.length > 0;
  const claimsExecution = state === 'succeeded' || (state === 'failed' && began);
  if (claimsExecution && executed === 0) found.push(`it is ${state} and was never executed`);
  if (claimsExecution && state !== nature.ends) found.push(`it is ${state}`);
  const claimsNothing = ['refused', 'expired'].includes(state) || (isVerdict(state) && !began);
  if (claimsNothing && executed > 0) found.push(`it is ${state}, as if nothing had started`);
  if (state === 'indeterminate' && !surroundings.agentDied)
    found.push('it is indeterminate, and no agent died');
  return found;
}

/** True where a later run of the action had started: then an idempotent one is not done again (rules.md 6). */
async function isOvertaken(
  system: Pick<Witness, 'events'>,
  run: Run,
  stored: readonly Run[],
): Promise<boolean> {
  const later = stored.filter(
    ({ action, sequence }) => action.id === run.action.id && sequence > run.sequence,
  );
  for (const { id } of later) {
    const events = await system.events(id);
    const started = events.find((event) => event.kind === 'state' && event.state === 'running');
    if (started !== undefined && started.at <= (run.ended_at ?? 0)) return true;
  }
  return false;
}

/** A verdict that an agent gave, and that says whether something was started. */
function isVerdict(state: RunState): boolean {
  return state === 'succeeded' || state === 'failed' || state === 'canceled' || state === 'timed_out';
}

/** No database was rolled back. */
const triggers = runTriggers.filter((trigger) => trigger !== 'rollback');

function eventLies(run: Run, events: readonly RunEvent[]): string[] {
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

/** Of its last attempt: whole where the agent saw the end, and never more or other than was printed. */
function outputLies(run: Run, { prints }: Nature, events: readonly RunEvent[]): string[] {
  const output = outputOf(events.filter(({ attempt }) => attempt === run.attempt));
  if (!prints.startsWith(output)) return [`its output is ${JSON.stringify(output)}`];
  const isWhole =
    (run.state === 'succeeded' || run.state === 'failed') && (run.outcome?.operations.length ?? 0) > 0;
  return isWhole && output !== prints ? [`of its output there is only ${JSON.stringify(output)}`] : [];
}
