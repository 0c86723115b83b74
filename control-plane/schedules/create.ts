// Creates a schedule: presses of one action at set times, for the principal that makes it.
import { randomUUIDv7 } from 'node:crypto';
import type { z } from 'zod';
import type { scheduleCreateSchema } from '../../protocol/api/operations.ts';
import type { ActionRow } from '../actions/store.ts';
import { commitChange } from '../authority/change.ts';
import type { ChangeContext } from '../authority/change.ts';
import type { ScheduleDeps } from './contract.ts';
import { sealInputs } from './inputs.ts';
import { readNow, readSchedule } from './read.ts';
import { insertSchedule } from './store.ts';
import type { ScheduleRow } from './store.ts';
import { acceptTiming, firstFireTime } from './timing.ts';

/**
 * That the caller may start the action has been decided before. Throws `invalid_schedule` (the expression, the zone,
 * or that it would never fire), `name_taken`, and what a press with these inputs would throw now.
 */
export async function createSchedule(
  deps: ScheduleDeps,
  context: ChangeContext,
  asked: { readonly action: ActionRow; readonly body: z.output<typeof scheduleCreateSchema> },
): Promise<ScheduleRow> {
  const { action, body } = asked;
  const { project } = action;
  const { id: creator, organization } = context.caller.principal;
  const id = randomUUIDv7();
  const timing = acceptTiming(body);
  const first = firstFireTime(timing, await readNow(deps.store));
  const sealed = await sealInputs(deps.runs.parts, { id, project, organization, action }, body.inputs);
  const { name, enabled } = body;
  await commitChange(deps, context, {
    operation: 'schedule.create',
    resource: `projects/${project}/schedules/${id}`,
    details: { after: { name, action: action.name, ...timing, enabled, inputs: Object.keys(body.inputs) } },
    steps: [
      insertSchedule(deps.store, {
        id,
        project,
        name,
        action: action.id,
        ...timing,
        ...sealed,
        enabled: enabled ? 1 : 0,
        next_fire_at: enabled ? first : null,
        created_by: creator,
      }),
    ],
  });
  deps.wake();
  return readSchedule(deps.store, project, id);
}
