// When an operation must stop: the run was stopped, the action's time is over, or the operation's own is (rules.md 7).
import type { OperationDefinition } from '../../hcl/agent-file/definition.ts';
import type { FailureCode } from '../../protocol/failures.ts';
import { alwaysMsMax, cancelGraceMsDefault, deadlineSliceMsMax } from '../../protocol/limits.ts';
import type { Clock, StopOrder } from '../contract.ts';
import type { Halt } from '../operations/operation.ts';

/** A moment on both clocks; it has come when either says so. */
export interface Deadline {
  readonly boot: number;
  readonly now: number;
}

export interface HaltOptions {
  readonly stop: AbortSignal;
  readonly deadline: Deadline;
  readonly clock: Clock;
}

/** What ends the run as a whole at this moment, or null. */
export function runHalt({ stop, deadline, clock }: HaltOptions): Halt | null {
  if (stop.aborted) return haltOfOrder(stop.reason as StopOrder);
  return hasCome(deadline, clock) ? deadlineHalt : null;
}

const deadlineHalt: Halt = {
  result: 'timed_out',
  code: 'timed_out',
  message: 'The time of the action is over.',
  graceMs: cancelGraceMsDefault,
};

const orders: Readonly<Record<StopOrder['reason'], readonly [Halt['result'], FailureCode, string]>> = {
  requested: ['canceled', 'canceled', 'The run was canceled.'],
  timeout: ['timed_out', 'timed_out', 'The control plane ended the run, because its time was over.'],
  deadline: ['timed_out', 'timed_out', 'The time of the action is over.'],
  revoked: ['canceled', 'agent_revoked', 'The agent was revoked.'],
  drain: ['canceled', 'draining', 'The agent had to leave before the run was done.'],
};

function haltOfOrder({ reason, graceMs }: StopOrder): Halt {
  const [result, code, message] = orders[reason];
  return { result, code, message, graceMs };
}

/** Nobody looks at it; without a reason each abort would make an error with a stack. */
const over = 'The operation is over.';

export interface OperationHalt extends Disposable {
  /** Aborts with a Halt. */
  readonly signal: AbortSignal;
  /** True when it was the whole run that was stopped. */
  readonly endsRun: () => boolean;
}

/**
 * Watches over one operation. `afterwards` is the time of an `always` operation after the run was stopped: then only
 * its own timeout and that time end it.
 */
export function watchOperation(
  { timeoutMs }: Pick<OperationDefinition, 'timeoutMs'>,
  options: HaltOptions,
  { afterwards }: { readonly afterwards: number | null },
): OperationHalt {
  const { stop, deadline, clock } = options;
  const halted = new AbortController();
  const done = new AbortController();
  let endsRun = false;
  const halt = (reason: Halt, whole: boolean): void => {
    if (halted.signal.aborted) return;
    endsRun = whole;
    halted.abort(reason);
  };
  const onStop = (): void => {
    halt(haltOfOrder(stop.reason as StopOrder), true);
  };
  const ownMs = ownTime(timeoutMs, afterwards);
  if (ownMs !== null) {
    void waitUntil({ boot: clock.boot() + ownMs, now: Infinity }, { clock, signal: done.signal }, () => {
      halt(ownHalt(ownMs), false);
    });
  }
  if (afterwards === null) {
    if (stop.aborted) onStop();
    else stop.addEventListener('abort', onStop, { once: true });
    void waitUntil(deadline, { clock, signal: done.signal }, () => {
      halt(deadlineHalt, true);
    });
  }
  return {
    signal: halted.signal,
    endsRun: () => endsRun,
    [Symbol.dispose]: () => {
      stop.removeEventListener('abort', onStop);
      done.abort(over);
    },
  };
}

/** How long an operation may take after the run was stopped. */
export function afterwardsMs(halt: Halt): number {
  return halt.code === 'draining' ? Math.min(halt.graceMs, alwaysMsMax) : alwaysMsMax;
}

function ownTime(timeoutMs: number | null, afterwards: number | null): number | null {
  if (timeoutMs === null) return afterwards;
  return afterwards === null ? timeoutMs : Math.min(timeoutMs, afterwards);
}

function ownHalt(ms: number): Halt {
  return {
    result: 'timed_out',
    code: 'timed_out',
    message: `The operation took longer than ${ms} ms.`,
    graceMs: cancelGraceMsDefault,
  };
}

function hasCome({ boot, now }: Deadline, clock: Clock): boolean {
  return clock.boot() >= boot || clock.now() >= now;
}

/** Looks at the clocks again and again, because a timer stands still while the machine sleeps. */
async function waitUntil(
  deadline: Deadline,
  { clock, signal }: { readonly clock: Clock; readonly signal: AbortSignal },
  then: () => void,
): Promise<void> {
  while (!hasCome(deadline, clock)) {
    const left = Math.min(deadline.boot - clock.boot(), deadline.now - clock.now(), deadlineSliceMsMax);
    try {
      await clock.sleep(Math.max(left, 1), signal);
    } catch {
      return;
    }
    if (signal.aborted) return;
  }
  then();
}
