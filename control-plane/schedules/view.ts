// A schedule as the API shows it, with the times at which it fires next.
import type { z } from 'zod';
import { scheduleSchema } from '../../protocol/api/operations.ts';
import { Failure } from '../../protocol/failures.ts';
import { parseJson } from '../../protocol/json.ts';
import { visibleInputs } from './inputs.ts';
import type { ScheduleRow } from './store.ts';
import { shownFireTimes, timingOf } from './timing.ts';

/** `now` by the database's clock: what a paused schedule would do counts from there. */
export function scheduleView(row: ScheduleRow, now: number): z.input<typeof scheduleSchema> {
  return {
    id: row.id,
    name: row.name,
    action: { id: row.action, name: row.action_name },
    ...timingOf(row),
    inputs: visibleInputs(row),
    enabled: row.enabled === 1,
    acts_for: { id: row.created_by, name: row.acts_for ?? row.created_by },
    next_fire_at: row.next_fire_at,
    next_fire_times: [...upcoming(row, now)],
    last_fired_at: row.last_fired_at,
    last_run: row.last_run,
    last_error: row.last_error === null ? null : lastErrorSchema.parse(parseJson(row.last_error)),
    created_at: row.created_at,
    revision: row.revision,
  };
}

const lastErrorSchema = scheduleSchema.shape.last_error;
export type LastError = NonNullable<z.infer<typeof lastErrorSchema>>;

/** Begins with the stored fire time, also where that is due at this moment. */
function upcoming(row: ScheduleRow, now: number): readonly number[] {
  try {
    return shownFireTimes(timingOf(row), row.next_fire_at === null ? now : row.next_fire_at - 1);
  } catch (cause) {
    // One row that cannot be read any more must not hide the others; its last error says what is wrong.
    if (cause instanceof Failure && cause.code === 'invalid_schedule') return [];
    throw cause;
  }
}
