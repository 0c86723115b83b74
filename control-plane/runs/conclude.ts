// The control plane's own verdict on a run: one transition into a final state, with its event and its audit.
import { isFinal, nextState } from '../../protocol/states.ts';
import type { RunTrigger } from '../../protocol/states.ts';
import type { AuditEntry } from '../authority/change.ts';
import type { Step } from '../store/store.ts';
import { auditBySystem } from './audit-entry.ts';
import { commitRun } from './commit.ts';
import type { RunFacts } from './contract.ts';
import { stateEvent } from './events.ts';
import type { RunParts } from './parts.ts';

export interface Conclusion {
  readonly trigger: Extract<RunTrigger, 'expire' | 'refuse_final' | 'interrupt' | 'rollback'>;
  /** Why, as a failure code or as what an agent refused with. */
  readonly code: string;
  readonly message: string;
  readonly guards?: readonly Step[];
  /** Who decided; without it, the control plane itself. */
  readonly audit?: AuditEntry;
}

/** Rejects with GuardFailed `run` where the run has moved on since `run` was read. */
export async function conclude(parts: RunParts, run: RunFacts, verdict: Conclusion): Promise<void> {
  const { trigger, code, message, guards = [] } = verdict;
  const to = nextState(run.state, trigger);
  if (to === null || !isFinal(to)) throw new Error(`${trigger} does not end a run that is ${run.state}`);
  const { id, attempt, agent } = run;
  await commitRun(parts, {
    run: id,
    attempt,
    facts: run,
    steps: [...guards, parts.sql.conclude({ run: id, attempt, from: run.state, to, code, message })],
    events: [{ event: stateEvent({ state: to, code, message }) }],
    audit: [verdict.audit ?? auditBySystem(run, { operation: 'run.end', details: { state: to, code } })],
  });
  if (agent !== null) parts.letGo({ id, agent });
}
