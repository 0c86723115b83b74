// Finds one schedule by id or name, and tells the time by which schedules go.
import { Failure } from '../../protocol/failures.ts';
import type { Store } from '../store/store.ts';
import { selectNow, selectSchedule } from './store.ts';
import type { ScheduleRow } from './store.ts';

/** Throws `not_found` with what to do. */
export async function readSchedule(store: Store, project: string, reference: string): Promise<ScheduleRow> {
  const [row] = await store.read(selectSchedule(store, project, reference));
  if (row === undefined) {
    throw new Failure(
      'not_found',
      `There is no schedule ${reference} in this project; \`wayside schedule list\` shows them.`,
    );
  }
  return row;
}

/** Epoch milliseconds by the database's clock, which is the same for every process. */
export async function readNow(store: Store): Promise<number> {
  const [row] = await store.read(selectNow(store));
  if (row === undefined) throw new Error('the database did not tell the time');
  return row.now;
}
