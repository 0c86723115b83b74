// Makes a button of everything that a group's agents advertise and that has none yet.
import { randomUUIDv7 } from 'node:crypto';
import { Failure } from '../../protocol/failures.ts';
import { newNameSchema } from '../../protocol/ids.ts';
import { runExpiresMsDefault } from '../../protocol/limits.ts';
import { commitChange } from '../authority/change.ts';
import type { ChangeContext, ChangeDeps } from '../authority/change.ts';
import type { GroupRow } from '../groups/store.ts';
import { GuardFailed } from '../store/store.ts';
import type { Step } from '../store/store.ts';
import { definitionsOf, readAction } from './read.ts';
import { insertAction, selectNames } from './store.ts';
import type { ActionRow } from './store.ts';

interface Published {
  readonly created: readonly ActionRow[];
  readonly kept: readonly string[];
  /** Operations for which no name was free or fit. */
  readonly skipped: readonly string[];
}

/**
 * Named as its operation, or `<group>.<operation>` where that is taken; what has a button already is kept. Throws
 * GuardFailed where somebody took one of the names meanwhile: then it is decided again.
 */
export async function publishAll(
  deps: ChangeDeps,
  context: ChangeContext,
  group: GroupRow,
): Promise<Published> {
  const { project } = group;
  const [existing, advertised] = await Promise.all([
    deps.store.read(selectNames(deps.store, project)),
    definitionsOf(deps.store, group.id),
  ]);
  const mine = existing.filter((row) => row.group_id === group.id);
  const offered = new Set(mine.map((row) => row.operation));
  const taken = new Set(existing.map((row) => row.name));
  const fresh: { id: string; name: string; operation: string }[] = [];
  const skipped: string[] = [];
  for (const operation of [...advertised.keys()].sort()) {
    if (offered.has(operation)) continue;
    const name = freeName(taken, [operation, `${group.name}.${operation}`]);
    if (name === null) skipped.push(operation);
    else fresh.push({ id: randomUUIDv7(), name, operation });
    if (name !== null) taken.add(name);
  }
  if (fresh.length > 0) await commit(deps, context, { group, fresh });
  return {
    created: await Promise.all(fresh.map(({ id }) => readAction(deps.store, project, id))),
    kept: mine.map((row) => row.name),
    skipped,
  };
}

function freeName(taken: ReadonlySet<string>, names: readonly string[]): string | null {
  return names.find((name) => !taken.has(name) && newNameSchema.safeParse(name).success) ?? null;
}

async function commit(
  deps: ChangeDeps,
  context: ChangeContext,
  publishing: {
    readonly group: GroupRow;
    readonly fresh: readonly { readonly id: string; readonly name: string; readonly operation: string }[];
  },
): Promise<void> {
  const { group, fresh } = publishing;
  const { project } = group;
  // The description is left empty: the one that agents advertise shows through, also when it changes.
  const steps = fresh.map((action): Step =>
    insertAction(deps.store, {
      ...action,
      project,
      description: '',
      group_id: group.id,
      expires_in_ms: runExpiresMsDefault,
      priority: 0,
    }),
  );
  try {
    await commitChange(deps, context, {
      operation: 'action.publish_all',
      resource: `projects/${project}/groups/${group.id}`,
      details: { after: fresh.map(({ name, operation }) => ({ name, operation })) },
      steps,
    });
  } catch (error) {
    if (error instanceof Failure && error.code === 'name_taken') throw new GuardFailed('names');
    throw error;
  }
}
