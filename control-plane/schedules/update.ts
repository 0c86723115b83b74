// Changes when a schedule fires and with which inputs, pauses it and lets it go on. It keeps acting for whom it did.
import type { z } from 'zod';
import type { scheduleUpdateSchema } from '../../protocol/api/operations.ts';
import type { ActionRow } from '../actions/store.ts';
import { commitChange } from '../authority/change.ts';
import type { ChangeContext } from '../authority/change.ts';
import type { ScheduleDeps } from './contract.ts';
import { sealInputs, visibleInputs } from './inputs.ts';
import { readNow, readSchedule } from './read.ts';
import { updateSchedule } from './store.ts';
import type { ScheduleRow } from './store.ts';
import { acceptTiming, firstFireTime, timingOf } from './timing.ts';

export type ScheduleChange = z.output<typeof scheduleUpdateSchema>;

/** Whether a change does more than to pause: then it decides about runs, and needs the right to start them. */
export function startsRuns({ enabled, ...rest }: ScheduleChange): boolean {
  return enabled === true || Object.values(rest).some((value) => value !== undefined);
}

/** Throws what creating it like this would throw. */
export async function changeSchedule(
  deps: ScheduleDeps,
  context: ChangeContext,
  change: { readonly before: ScheduleRow; readonly action: ActionRow; readonly body: ScheduleChange },
): Promise<ScheduleRow> {
  const { before, action, body } = change;
  const { id, project, organization, revision } = before;
  const timing = await changedTiming(deps, before, body);
  const inputs =
    body.inputs === undefined
      ? {}
      : await sealInputs(deps.runs.parts, { id, project, organization, action }, body.inputs);
  await commitChange(deps, context, {
    operation: 'schedule.update',
    resource: `projects/${project}/schedules/${id}`,
    details: {
      before: { ...timingOf(before), enabled: before.enabled === 1, inputs: inputNames(before) },
      after: body.inputs === undefined ? body : { ...body, inputs: Object.keys(body.inputs) },
    },
    steps: [updateSchedule(deps.store, { id, revision, ...timing, ...inputs })],
  });
  deps.wake();
  return readSchedule(deps.store, project, id);
}

/** Empty where nothing changes about when it fires, so that a fire time that is due is not passed over. */
async function changedTiming(deps: ScheduleDeps, before: ScheduleRow, body: ScheduleChange) {
  const { cron, zone, skipped_hour, doubled_hour, misfire, enabled } = body;
  const is = timingOf(before);
  const timing = acceptTiming({
    cron: cron ?? is.cron,
    zone: zone ?? is.zone,
    skipped_hour: skipped_hour ?? is.skipped_hour,
    doubled_hour: doubled_hour ?? is.doubled_hour,
    misfire: misfire ?? is.misfire,
  });
  const isEnabled = enabled ?? before.enabled === 1;
  const times = [cron, zone, skipped_hour, doubled_hour];
  if (times.every((value) => value === undefined) && isEnabled === (before.enabled === 1)) return timing;
  const first = firstFireTime(timing, await readNow(deps.store));
  return { ...timing, enabled: isEnabled ? 1 : 0, next_fire_at: isEnabled ? first : null };
}

function inputNames(row: ScheduleRow): readonly string[] {
  return Object.keys(visibleInputs(row));
}
