// The loop that fires schedules: it sleeps until the earliest fire time by the database's clock, and never longer
// than a sweep, so that what another process has stored is seen too. node-cron's own timers have no part in it.
import { scheduleBatchRowsMax, scheduleRetryMs, scheduleSweepMs } from '../../protocol/limits.ts';
import type { Firing, FiringDeps } from './contract.ts';
import { fireSchedule } from './fire.ts';
import { firingStatements } from './store.ts';
import type { DueRow } from './store.ts';

export interface Schedules {
  /** Begins to fire, with what is due already. */
  start(): void;
  /** A fire time may have come closer: looks again. */
  wake(): void;
  /** One look by hand: fires all that is due. Resolves with the milliseconds until the next one. */
  fireDue(): Promise<number>;
  /** Resolves when no look is under way. */
  idle(): Promise<void>;
  /** Stops firing, and waits for what is under way. */
  close(): Promise<void>;
}

export function openSchedules(deps: FiringDeps): Schedules {
  const firing: Firing = { ...deps, sql: firingStatements(deps.store) };
  let state: 'new' | 'open' | 'closed' = 'new';
  let cancelTimer = (): void => undefined;
  let working: Promise<void> | null = null;
  let wokenMeanwhile = false;

  const look = (): void => {
    if (state !== 'open') return;
    cancelTimer();
    if (working !== null) {
      wokenMeanwhile = true;
      return;
    }
    wokenMeanwhile = false;
    working = fireDue(firing)
      .catch((cause: unknown) => {
        deps.report({ kind: 'schedules_failed', message: 'the schedules could not be looked at', cause });
        return scheduleRetryMs;
      })
      .then((ms) => {
        working = null;
        if (state === 'open') cancelTimer = deps.clock.after(wokenMeanwhile ? 0 : ms, look);
      });
  };
  const idle = async (): Promise<void> => {
    while (working !== null) await working;
  };
  return {
    start() {
      if (state === 'new') state = 'open';
      look();
    },
    wake: look,
    fireDue: () => fireDue(firing),
    idle,
    async close() {
      state = 'closed';
      cancelTimer();
      await idle();
    },
  };
}

/** Resolves with how long to sleep; at least `scheduleRetryMs` where one could not be fired, so that it never spins. */
async function fireDue(firing: Firing): Promise<number> {
  const allFired = await fireInPages(firing);
  const [row] = await firing.store.read(firing.sql.earliest({}));
  if (row === undefined) throw new Error('the database did not tell the time');
  const wait = row.at === null ? scheduleSweepMs : row.at - row.now;
  return Math.min(Math.max(wait, allFired ? 0 : scheduleRetryMs), scheduleSweepMs);
}

/** Page by page in the order of the fire times, each row once. False where one of them has to be tried again. */
async function fireInPages(firing: Firing): Promise<boolean> {
  const limit = scheduleBatchRowsMax;
  let allFired = true;
  for (let last = { at: 0, id: '' }; ;) {
    const page = await firing.store.read(firing.sql.duePage({ ...last, limit }));
    const fired = await Promise.all(page.map((row) => fireAndReport(firing, row)));
    allFired &&= fired.every(Boolean);
    const end = page.at(-1);
    if (end === undefined || page.length < limit) return allFired;
    last = { at: end.next_fire_at, id: end.id };
  }
}

async function fireAndReport(firing: Firing, row: DueRow): Promise<boolean> {
  try {
    await fireSchedule(firing, row);
    return true;
  } catch (cause) {
    firing.report({
      kind: 'schedule_failed',
      message: `the schedule ${row.name} could not be fired; it is tried again`,
      schedule: row.id,
      cause,
    });
    return false;
  }
}
