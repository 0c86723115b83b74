// A fire time that leads to no run: the schedule goes on to the next one, and shows why where something is wrong.
import { stringifyJson } from '../../protocol/json.ts';
import type { Failure } from '../../protocol/failures.ts';
import type { Firing } from './contract.ts';
import type { DueRow } from './store.ts';
import type { LastError } from './view.ts';

/** `failure` is null where the misfire policy skips what was missed. Resolves with `next`; rejects with GuardFailed. */
export async function passOver(
  deps: Firing,
  row: DueRow,
  to: { readonly next: number | null; readonly failure: Failure | null },
): Promise<number | null> {
  const { next, failure } = to;
  const { id, revision, next_fire_at: due } = row;
  const error = failure === null ? row.last_error : lastErrorText({ at: row.now, ...said(failure) });
  await deps.store.write([
    deps.sql.passed({ id, revision, due, next, error }),
    deps.audit.step({
      organization: row.organization,
      principal: null,
      permission: null,
      operation: failure === null ? 'schedule.skip' : 'schedule.fire',
      resource: `projects/${row.project}/schedules/${id}`,
      result: failure === null ? 'allowed' : 'failed',
      decision: null,
      details: {
        name: row.name,
        action: row.action_name,
        acts_for: row.created_by,
        due,
        next,
        ...(failure === null ? { misfire: row.misfire } : said(failure)),
      },
      request: {},
    }),
  ]);
  return next;
}

export function lastErrorText(error: LastError): string {
  return stringifyJson(error);
}

function said({ code, message }: Failure): { readonly code: string; readonly message: string } {
  return { code, message };
}
