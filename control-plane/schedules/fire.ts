// A schedule is due: its run is stored and its next fire time set in one unit, so that no fire time ever leads to two
// runs, however many processes look at it. What cannot be started is passed over, and says why.
import { Failure } from '../../protocol/failures.ts';
import type { FailureCode } from '../../protocol/failures.ts';
import { decisionsMax } from '../../protocol/limits.ts';
import { GuardFailed } from '../store/store.ts';
import type { Firing } from './contract.ts';
import { dueTimes } from './due-times.ts';
import type { DueTimes } from './due-times.ts';
import { passOver } from './pass-over.ts';
import { pressForSchedule } from './press.ts';
import type { DueRow } from './store.ts';
import { ruleOf, timingOf } from './timing.ts';

/**
 * Fires everything of it that is due, and resolves when its row waits for a time to come or belongs to somebody else.
 * Rejects where it must be tried again later, for instance because the store failed: then it is still due.
 */
export async function fireSchedule(deps: Firing, due: DueRow): Promise<void> {
  let row: DueRow | null = due;
  let tries = 0;
  while (row !== null) {
    try {
      const next = await fireOnce(deps, row);
      if (next === null || next > row.now) return;
      row = { ...row, next_fire_at: next };
      tries = 0;
    } catch (error) {
      tries += 1;
      if (!(error instanceof GuardFailed) || tries >= decisionsMax) throw error;
      // Somebody was faster, or what was decided on has moved: decided again on what holds now.
      await deps.authority.reload();
      row = await readDue(deps, row.id);
    }
  }
}

/** Resolves with the fire time that it waits for then. */
async function fireOnce(deps: Firing, row: DueRow): Promise<number | null> {
  const due = planned(row);
  if (due instanceof Failure) return passOver(deps, row, { next: null, failure: due });
  const [at, following] = due.times;
  if (at === undefined) return passOver(deps, row, { next: due.next, failure: null });
  const next = following ?? due.next;
  try {
    await pressForSchedule(deps, row, { at, next });
    return next;
  } catch (error) {
    if (!cannotStart(error)) throw error;
    // The other times that are due would end in the same way.
    return passOver(deps, row, { next: due.next, failure: error });
  }
}

function planned(row: DueRow): DueTimes | Failure {
  try {
    return dueTimes(ruleOf(timingOf(row)), row.next_fire_at, row.now);
  } catch (error) {
    if (error instanceof Failure) return error;
    throw error;
  }
}

async function readDue(deps: Firing, id: string): Promise<DueRow | null> {
  const [row] = await deps.store.read(deps.sql.dueById({ id }));
  return row ?? null;
}

/** What trying again at once would not change; everything else leaves the schedule due. */
const lasting: ReadonlySet<FailureCode> = new Set<FailureCode>([
  'action_never_advertised',
  'definition_not_accepted',
  'invalid_inputs',
  'sensitive_needs_sensitive_input',
  'secret_too_short',
  'not_found',
  'authority_lost',
  'entitlement_missing',
  'quota_exceeded',
  'envelope_rejected',
]);

function cannotStart(error: unknown): error is Failure {
  return error instanceof Failure && lasting.has(error.code);
}
