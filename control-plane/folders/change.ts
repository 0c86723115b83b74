// Makes, describes, moves and deletes folders. What lies in one hears its bindings at once, because a decision looks up
// the tree as it is.
import { randomUUIDv7 } from 'node:crypto';
import { Failure } from '../../protocol/failures.ts';
import { folderDepthMax } from '../../protocol/limits-authority.ts';
import { commitChange } from '../authority/change.ts';
import type { ChangeContext, ChangeDeps } from '../authority/change.ts';
import { demandMove } from '../authority/demand-move.ts';
import { folderLevel, levelOfParent, resourceAt } from '../authority/level.ts';
import type { FolderRecord, Policy } from '../authority/policy.ts';
import { bumpPolicy } from '../authority/store.ts';
import type { DecideDeps } from '../http/decide.ts';
import { demand } from '../http/decide.ts';
import type { FoldersTable } from '../store/schema.ts';
import { deleteFolder, insertFolder, selectFolder, updateFolder } from './store.ts';

type Deps = ChangeDeps & DecideDeps;

/** Throws `name_taken` and `too_deep`. */
export async function createFolder(
  deps: Deps,
  context: ChangeContext,
  body: { readonly name: string; readonly description: string; readonly parent: string | null },
): Promise<FoldersTable> {
  const policy = deps.authority.policy();
  refuseTooDeep(depthOf(policy, body.parent) + 1);
  const id = randomUUIDv7();
  await commitChange(deps, context, {
    operation: 'folder.create',
    resource: `folders/${id}`,
    details: { after: body },
    steps: [
      insertFolder(deps.store, { id, organization: policy.organization.id, ...body }),
      bumpPolicy(deps.store, policy),
    ],
  });
  await deps.authority.reload();
  return readFolder(deps, id);
}

export async function describeFolder(
  deps: Deps,
  context: ChangeContext,
  change: { readonly before: FoldersTable; readonly description: string },
): Promise<FoldersTable> {
  const { before, description } = change;
  await commitChange(deps, context, {
    operation: 'folder.update',
    resource: `folders/${before.id}`,
    details: { before: { description: before.description }, after: { description } },
    steps: [updateFolder(deps.store, { ...row(before), description })],
  });
  return readFolder(deps, before.id);
}

/** Throws `cycle`, `too_deep`, and `forbidden` where others would get what the caller does not hold. */
export async function moveFolder(
  deps: Deps,
  context: ChangeContext,
  move: { readonly before: FoldersTable; readonly parent: FolderRecord | null },
): Promise<FoldersTable> {
  const { before } = move;
  const policy = deps.authority.policy();
  const parent = move.parent?.id ?? null;
  refuseCycle(policy, before, parent);
  refuseTooDeep(depthOf(policy, parent) + heightOf(policy, before.id));
  await demand(deps, context.request, {
    permission: 'wayside.folder.create',
    resource: resourceAt(policy.organization.id, levelOfParent(parent)),
    why: 'Moving a folder is making one there.',
  });
  await demandMove(deps, context, {
    moved: folderLevel(before.id),
    from: levelOfParent(before.parent),
    to: levelOfParent(parent),
  });
  await commitChange(deps, context, {
    operation: 'folder.move',
    resource: `folders/${before.id}`,
    details: { before: { parent: before.parent }, after: { parent } },
    steps: [updateFolder(deps.store, { ...row(before), parent }), bumpPolicy(deps.store, policy)],
  });
  await deps.authority.reload();
  return readFolder(deps, before.id);
}

/** Throws `in_use` with what lies in it. Its bindings go with it. */
export async function removeFolder(deps: Deps, context: ChangeContext, folder: FoldersTable): Promise<void> {
  const policy = deps.authority.policy();
  const folders = [...policy.folders.values()].filter(({ parent }) => parent === folder.id).length;
  const projects = [...policy.projects.values()].filter((each) => each.folder === folder.id).length;
  if (folders + projects > 0) {
    throw new Failure(
      'in_use',
      `The folder ${folder.name} still has ${folders} folders and ${projects} projects in it. Move or delete those first.`,
    );
  }
  await commitChange(deps, context, {
    operation: 'folder.delete',
    resource: `folders/${folder.id}`,
    details: { before: { name: folder.name, parent: folder.parent } },
    steps: [deleteFolder(deps.store, folder.id), bumpPolicy(deps.store, policy)],
  });
  await deps.authority.reload();
}

export async function readFolder(deps: Pick<ChangeDeps, 'store'>, id: string): Promise<FoldersTable> {
  const [found] = await deps.store.read(selectFolder(deps.store, id));
  if (found === undefined) throw new Failure('not_found', `There is no folder ${id}.`);
  return found;
}

function row({ id, parent, description, revision }: FoldersTable) {
  return { id, parent, description, revision };
}

/** How many folders lie around, this one included; none for the organization. */
function depthOf(policy: Policy, folder: string | null): number {
  let depth = 0;
  for (let at = folder; at !== null && depth <= policy.folders.size; depth += 1) {
    at = policy.folders.get(at)?.parent ?? null;
  }
  return depth;
}

/** The levels of folders in it, itself included. */
function heightOf(policy: Policy, folder: string): number {
  const inside = [...policy.folders.values()].filter(({ parent }) => parent === folder);
  return 1 + Math.max(0, ...inside.map(({ id }) => heightOf(policy, id)));
}

function refuseTooDeep(depth: number): void {
  if (depth > folderDepthMax) {
    throw new Failure('too_deep', `Folders may lie ${folderDepthMax} deep in one another.`);
  }
}

function refuseCycle(policy: Policy, folder: FoldersTable, parent: string | null): void {
  for (let at = parent; at !== null; at = policy.folders.get(at)?.parent ?? null) {
    if (at === folder.id) throw new Failure('cycle', `The folder ${folder.name} cannot lie in itself.`);
  }
}
