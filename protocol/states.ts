// The one table of run states (architecture.md, section 4): who may go where, and because of what.

export const runStates = [
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
] as const;
export type RunState = (typeof runStates)[number];

/** What makes a run change its state. */
export const runTriggers = [
  'offer', // dispatched to one agent under a lease
  'accept', // the agent took it; durable before `go`
  'lapse', // the lease ended, or a newer session does not know the run
  'refuse_transient', // a refusal that is about this agent
  'refuse_final', // a refusal that any agent would give, or the requester lost the right
  'succeed',
  'fail',
  'cancel', // at once before it runs; after that the agent's word that it stopped
  'time_out',
  'expire',
  'interrupt', // the agent's journal says begun and not ended, or the agent is unknown, gone or revoked
  'retry', // a new attempt of an idempotent action after a reported crash
  'rollback', // the database was restored or rolled back, and nobody knows what the row has missed (rules.md 12)
] as const;
export type RunTrigger = (typeof runTriggers)[number];

const transitions: Readonly<Record<RunState, Partial<Readonly<Record<RunTrigger, RunState>>>>> = {
  queued: {
    offer: 'offered',
    cancel: 'canceled',
    expire: 'expired',
    refuse_final: 'refused',
    rollback: 'indeterminate',
  },
  offered: {
    accept: 'running',
    lapse: 'queued',
    refuse_transient: 'queued',
    refuse_final: 'refused',
    cancel: 'canceled',
    expire: 'expired',
    rollback: 'indeterminate',
  },
  running: {
    succeed: 'succeeded',
    fail: 'failed',
    cancel: 'canceled',
    time_out: 'timed_out',
    interrupt: 'indeterminate',
    retry: 'queued',
    rollback: 'indeterminate',
  },
  indeterminate: { succeed: 'succeeded', fail: 'failed', cancel: 'canceled', time_out: 'timed_out' },
  succeeded: {},
  failed: {},
  canceled: {},
  timed_out: {},
  expired: {},
  refused: {},
};

/** The state after `trigger`, or null where the table does not allow it. */
export function nextState(state: RunState, trigger: RunTrigger): RunState | null {
  return transitions[state][trigger] ?? null;
}

/** States in which a run has got its verdict. An indeterminate one may still be settled, once, by evidence. */
export function isFinal(state: RunState): boolean {
  return state !== 'queued' && state !== 'offered' && state !== 'running';
}

/** States from which `trigger` may start; for guards in statements. */
export function sourcesOf(trigger: RunTrigger): readonly RunState[] {
  return runStates.filter((state) => transitions[state][trigger] !== undefined);
}

/** How an agent says that an attempt ended. `interrupted` is what a journal shows after a crash. */
export const outcomeResults = ['succeeded', 'failed', 'canceled', 'timed_out', 'interrupted'] as const;
export type OutcomeResult = (typeof outcomeResults)[number];

/** The trigger that an agent's verdict pulls on a run. */
export function triggerOf(result: OutcomeResult): RunTrigger {
  switch (result) {
    case 'succeeded':
      return 'succeed';
    case 'failed':
      return 'fail';
    case 'canceled':
      return 'cancel';
    case 'timed_out':
      return 'time_out';
    case 'interrupted':
      return 'interrupt';
  }
}
