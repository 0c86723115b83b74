// Deletes a schedule. Its runs stay.
import { commitChange } from '../authority/change.ts';
import type { ChangeContext, ChangeDeps } from '../authority/change.ts';
import { deleteSchedule } from './store.ts';
import type { ScheduleRow } from './store.ts';

export async function removeSchedule(
  deps: ChangeDeps,
  context: ChangeContext,
  schedule: ScheduleRow,
): Promise<void> {
  const { id, project, name, action_name: action, cron, zone } = schedule;
  await commitChange(deps, context, {
    operation: 'schedule.delete',
    resource: `projects/${project}/schedules/${id}`,
    details: { before: { name, action, cron, zone } },
    steps: [deleteSchedule(deps.store, id)],
  });
}
