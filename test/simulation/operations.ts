// What the actions of a simulated world do, and the ledger that they keep of it: the only judge of what ran. Nothing
// of ours writes into it.
import type { Clock, ExecuteRun, StopOrder } from '../../agent/contract.ts';
import type { Outcome } from '../../protocol/outcome.ts';
import type { Chance } from './chance.ts';
import type { Actor } from './time.ts';

interface Nature {
  readonly idempotent: boolean;
  readonly lines: number;
  /** Between two lines, at the most. */
  readonly pauseMs: number;
  readonly ends: 'succeeded' | 'failed';
  readonly timeoutMs: number;
  readonly concurrency: number | null;
}

const usual = {
  idempotent: false,
  pauseMs: 300,
  ends: 'succeeded',
  timeoutMs: 60_000,
  concurrency: null,
} as const;

export const natures: Readonly<Record<string, Nature>> = {
  quick: { ...usual, lines: 1 },
  lines: { ...usual, lines: 6 },
  fails: { ...usual, lines: 2, ends: 'failed' },
  again: { ...usual, lines: 5, pauseMs: 2_000, idempotent: true },
  single: { ...usual, lines: 3, pauseMs: 1_500, concurrency: 1 },
  long: { ...usual, lines: 4, pauseMs: 8_000, timeoutMs: 20_000 },
};

export function natureOf(action: string): Nature {
  const nature = natures[action];
  if (nature === undefined) throw new Error(`nobody knows the nature of ${action}`);
  return nature;
}

/** The file that all agents have; its commands are never run, but everything else about it counts. */
export const agentFile = `
agent {
  concurrency    = 2
  shutdown_grace = "5s"
}
group "main" {
${Object.entries(natures)
  .map(
    ([name, { idempotent, timeoutMs, concurrency }]) => `  action "${name}" {
    timeout    = "${timeoutMs / 1_000}s"
    idempotent = ${idempotent}
${concurrency === null ? '' : `    concurrency = ${concurrency}\n`}    run {
      command = ["/bin/true"]
    }
  }`,
  )
  .join('\n')}
}
`;

/** One execution of a run. */
export interface Execution {
  readonly run: string;
  readonly attempt: number;
  readonly agent: string;
  readonly action: string;
  readonly began: number;
  /** Null while it goes on. */
  ended: number | null;
  /** What it came to; `killed` where its agent died under it. */
  result: 'succeeded' | 'failed' | 'canceled' | 'timed_out' | 'killed' | null;
  printed: string;
}

export class Ledger {
  readonly executions: Execution[] = [];
  readonly #said: (what: string) => void;

  constructor(said: (what: string) => void) {
    this.#said = said;
  }

  began(execution: Execution): Execution {
    this.executions.push(execution);
    this.#said(`${execution.agent} executes ${execution.action} attempt ${execution.attempt}`);
    return execution;
  }

  /** Everything that the process had started is killed with it. */
  killed(agent: string, now: number): void {
    for (const execution of this.executions) {
      if (execution.agent !== agent || execution.ended !== null) continue;
      execution.ended = now;
      execution.result = 'killed';
    }
  }
}

/** Executes as the agent's own executor does, without processes. */
export function executing(world: {
  readonly ledger: Ledger;
  readonly chance: Chance;
  readonly actor: Actor;
  readonly agent: string;
  readonly now: () => number;
}): ExecuteRun {
  const { ledger, chance, actor, agent, now } = world;
  return async ({ context, action }, { sink, stop, clock }) => {
    // A process that died at the point before this starts nothing.
    if (!actor.alive) return never();
    const { lines, pauseMs, ends } = natureOf(action.name);
    const execution = ledger.began({
      ...{ run: context.runId, attempt: context.attempt, agent, action: action.name },
      ...{ began: now(), ended: null, result: null, printed: '' },
    });
    const operation = 'work';
    await sink.progress({ operation, kind: 'run', state: 'begun' });
    for (let line = 1; line <= lines; line += 1) {
      await pause(chance.seldom(1, pauseMs), { stop, clock });
      if (stop.aborted) break;
      const text = `line ${line} of attempt ${context.attempt}\n`;
      execution.printed += text;
      await sink.output({ operation, stream: 'stdout', bytes: Buffer.from(text) });
    }
    const order = stop.aborted ? (stop.reason as StopOrder) : null;
    if (order !== null) await clock.sleep(chance.within(0, Math.min(order.graceMs, 2_000)));
    const result = order === null ? ends : resultOf(order);
    if (!actor.alive) return never();
    execution.ended = now();
    execution.result = result;
    await sink.progress({ operation, kind: 'run', state: result });
    return outcomeOf(result, operation);
  };
}

function resultOf({ reason }: StopOrder): 'canceled' | 'timed_out' {
  return reason === 'timeout' || reason === 'deadline' ? 'timed_out' : 'canceled';
}

function outcomeOf(result: 'succeeded' | 'failed' | 'canceled' | 'timed_out', operation: string): Outcome {
  return {
    result,
    duration_ms: 1,
    operations: [{ name: operation, kind: 'run', result, tolerated: false, duration_ms: 1 }],
    outputs: {},
    truncated: false,
    survivors: [],
  };
}

async function pause(ms: number, { stop, clock }: { readonly stop: AbortSignal; readonly clock: Clock }) {
  await clock.sleep(ms, stop).catch(() => undefined);
}

function never(): Promise<never> {
  return new Promise(() => undefined);
}
