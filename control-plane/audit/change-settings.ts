// Changes the settings of the audit; the change is an event of the trail that it is about.
import { Failure } from '../../protocol/failures.ts';
import { commitChange } from '../authority/change.ts';
import type { ChangeContext, ChangeDeps } from '../authority/change.ts';
import { GuardFailed } from '../store/store.ts';
import { readSettings, writeSettings } from './settings.ts';
import type { AuditSettings, StoredSettings } from './settings.ts';

/** Members that are left out stay. Throws GuardFailed where somebody else changed them meanwhile. */
export async function changeSettings(
  deps: ChangeDeps,
  context: ChangeContext,
  change: {
    readonly before: StoredSettings;
    readonly body: { readonly [Name in keyof AuditSettings]?: AuditSettings[Name] | undefined };
  },
): Promise<StoredSettings> {
  const { organization } = context.caller.principal;
  const { retention_days, denials_per_minute, revision } = change.before;
  const before = { retention_days, denials_per_minute };
  const after = {
    retention_days: change.body.retention_days === undefined ? retention_days : change.body.retention_days,
    denials_per_minute:
      change.body.denials_per_minute === undefined ? denials_per_minute : change.body.denials_per_minute,
  };
  try {
    await commitChange(deps, context, {
      operation: 'audit.settings.update',
      resource: 'audit/settings',
      details: { before, after },
      steps: [writeSettings(deps.store, { organization, revision, ...after })],
    });
  } catch (error) {
    if (error instanceof Failure && error.code === 'name_taken') throw new GuardFailed('revision');
    throw error;
  }
  return readSettings(deps.store, organization);
}
