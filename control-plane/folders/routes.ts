// The routes of folders: `/v1/folders`.
import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import {
  folderCreateSchema,
  folderPageSchema,
  folderSchema,
  folderUpdateSchema,
  moveSchema,
} from '../../protocol/api/policy.ts';
import { pageQuerySchema } from '../../protocol/api/page.ts';
import { referenceSchema } from '../../protocol/ids.ts';
import type { ChangeDeps } from '../authority/change.ts';
import { mustFindFolder } from '../authority/find.ts';
import { folderInBody, folderResource } from '../authority/resources.ts';
import { etagOf, heedMatch, requireMatch } from '../http/etag.ts';
import { decodeCursor, toPage } from '../http/page.ts';
import { route } from '../http/route.ts';
import type { RouteDeps } from '../http/route.ts';
import type { FoldersTable } from '../store/schema.ts';
import { createFolder, describeFolder, moveFolder, readFolder, removeFolder } from './change.ts';
import { selectFolders } from './store.ts';

type Deps = RouteDeps & ChangeDeps;

const params = z.object({ folder: referenceSchema });
const tag = 'folders';
const resource = folderResource;

export function folderRoutes(app: FastifyInstance, deps: Deps): void {
  readingRoutes(app, deps);
  changingRoutes(app, deps);
  placingRoutes(app, deps);
}

function readingRoutes(app: FastifyInstance, deps: Deps): void {
  route(app, deps, {
    method: 'GET',
    url: '/v1/folders',
    permission: 'iam.self.read',
    summary: 'List the folders that the caller may see',
    tag,
    query: pageQuerySchema,
    answers: { 200: folderPageSchema },
    handler: async ({ caller, query }) => {
      const { organization } = caller.principal;
      const after = decodeCursor(query.cursor);
      const rows = await deps.store.read(
        selectFolders(deps.store, { organization, after, limit: query.limit }),
      );
      const page = toPage(rows, query.limit, { key: (row) => row.id, item: (row) => row });
      const visible = page.items.filter(({ id: folder }) => {
        const place = { organization, folder, project: null, thing: null };
        return deps.authority.decide(caller, 'wayside.folder.read', place).allowed;
      });
      const items = visible.map((row) => folderView(deps, row));
      return { status: 200, body: { items, next_cursor: page.next_cursor } };
    },
  });
  route(app, deps, {
    method: 'GET',
    url: '/v1/folders/:folder',
    permission: 'wayside.folder.read',
    resource,
    summary: 'Show a folder',
    tag,
    params,
    answers: { 200: folderSchema },
    handler: async (context) => shown(deps, await folderOf(deps, context.params.folder)),
  });
}

function changingRoutes(app: FastifyInstance, deps: Deps): void {
  route(app, deps, {
    method: 'POST',
    url: '/v1/folders',
    permission: 'wayside.folder.create',
    changesPolicy: true,
    resource: folderInBody('parent'),
    summary: 'Create a folder, in another or directly in the organization',
    tag,
    body: folderCreateSchema,
    answers: { 201: folderSchema },
    handler: async (context) => {
      const { name, description, parent } = context.body;
      const around = parent === undefined ? null : mustFindFolder(deps.authority.policy(), parent).id;
      const row = await createFolder(deps, context, { name, description, parent: around });
      const { body, headers } = shown(deps, row);
      return { status: 201, body, headers: { ...headers, location: `/v1/folders/${row.id}` } };
    },
  });
  route(app, deps, {
    method: 'PATCH',
    url: '/v1/folders/:folder',
    permission: 'wayside.folder.update',
    resource,
    summary: 'Change the description of a folder',
    tag,
    params,
    hears: ['if-match'],
    body: folderUpdateSchema,
    answers: { 200: folderSchema },
    handler: async (context) => {
      const before = await folderOf(deps, context.params.folder);
      requireMatch(context.request, before.revision);
      return shown(deps, await describeFolder(deps, context, { before, ...context.body }));
    },
  });
}

function placingRoutes(app: FastifyInstance, deps: Deps): void {
  route(app, deps, {
    method: 'POST',
    url: '/v1/folders/:folder/move',
    permission: 'wayside.folder.move',
    changesPolicy: true,
    resource,
    summary: 'Move a folder with all that lies in it; other bindings reach it at once',
    tag,
    params,
    hears: ['if-match'],
    body: moveSchema,
    answers: { 200: folderSchema },
    handler: async (context) => {
      const before = await folderOf(deps, context.params.folder);
      requireMatch(context.request, before.revision);
      const { folder } = context.body;
      const parent = folder === null ? null : mustFindFolder(deps.authority.policy(), folder);
      return shown(deps, await moveFolder(deps, context, { before, parent }));
    },
  });
  route(app, deps, {
    method: 'DELETE',
    url: '/v1/folders/:folder',
    permission: 'wayside.folder.delete',
    changesPolicy: true,
    resource,
    summary: 'Delete an empty folder, with its bindings',
    tag,
    params,
    hears: ['if-match?'],
    answers: { 204: null },
    handler: async (context) => {
      const folder = await folderOf(deps, context.params.folder);
      heedMatch(context.request, folder.revision);
      await removeFolder(deps, context, folder);
      return { status: 204 };
    },
  });
}

function folderOf(deps: Deps, reference: string): Promise<FoldersTable> {
  return readFolder(deps, mustFindFolder(deps.authority.policy(), reference).id);
}

function shown(deps: Deps, row: FoldersTable) {
  return { status: 200, body: folderView(deps, row), headers: { etag: etagOf(row.revision) } };
}

function folderView({ authority }: Deps, row: FoldersTable): z.input<typeof folderSchema> {
  const { id, name, description, parent, created_at, revision } = row;
  const around =
    parent === null ? null : { id: parent, name: authority.policy().folders.get(parent)?.name ?? parent };
  return { id, name, description, parent: around, created_at, revision };
}
