// The routes of projects: `/v1/projects`.
import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import {
  projectCreateSchema,
  projectPageSchema,
  projectSchema,
  projectUpdateSchema,
} from '../../protocol/api/authority.ts';
import { moveSchema } from '../../protocol/api/policy.ts';
import { pageQuerySchema } from '../../protocol/api/page.ts';
import { referenceSchema } from '../../protocol/ids.ts';
import { changedMeanwhile, etagOf, heedMatch, requireMatch } from '../http/etag.ts';
import { warningHeader } from '../http/warning.ts';
import { decodeCursor, toPage } from '../http/page.ts';
import { route } from '../http/route.ts';
import type { RouteDeps } from '../http/route.ts';
import type { ChangeDeps } from '../authority/change.ts';
import { demandEntitlement } from '../authority/entitlements.ts';
import { mustFindFolder } from '../authority/find.ts';
import { folderInBody } from '../authority/resources.ts';
import type { ProjectsTable } from '../store/schema.ts';
import { createProject } from './create.ts';
import { listProjects } from './list.ts';
import { moveProjectTo } from './move.ts';
import { removeProject } from './remove.ts';
import { selectProject } from './store.ts';
import { changeProject } from './update.ts';

const params = z.object({ project: referenceSchema });
const tag = 'projects';

export function projectRoutes(app: FastifyInstance, deps: RouteDeps & ChangeDeps): void {
  const view = viewOf(deps);
  route(app, deps, {
    method: 'POST',
    url: '/v1/projects',
    permission: 'wayside.project.create',
    changesPolicy: true,
    resource: folderInBody('folder'),
    summary: 'Create a project, in a folder or directly in the organization',
    tag,
    body: projectCreateSchema,
    answers: { 201: projectSchema },
    handler: async (context) => {
      const { name, description, folder } = context.body;
      const warning = await demandEntitlement(deps, 'projects');
      const policy = deps.authority.policy();
      const within = folder === undefined ? null : mustFindFolder(policy, folder).id;
      const row = await createProject(deps, context, { name, description, folder: within });
      return {
        status: 201,
        body: view(row),
        headers: {
          location: `/v1/projects/${row.id}`,
          etag: etagOf(row.revision),
          ...warningHeader(warning),
        },
      };
    },
  });
  route(app, deps, {
    method: 'GET',
    url: '/v1/projects',
    permission: 'iam.self.read',
    summary: 'List the projects that the caller may see',
    tag,
    query: pageQuerySchema,
    answers: { 200: projectPageSchema },
    handler: async ({ caller, query }) => {
      const after = decodeCursor(query.cursor);
      const rows = await listProjects(deps, caller, { after, limit: query.limit });
      return { status: 200, body: toPage(rows, query.limit, { key: (row) => row.id, item: view }) };
    },
  });
  route(app, deps, {
    method: 'GET',
    url: '/v1/projects/:project',
    permission: 'wayside.project.read',
    summary: 'Show a project',
    tag,
    params,
    answers: { 200: projectSchema },
    handler: async ({ project }) => {
      const row = await readProject(deps, project.id);
      return { status: 200, body: view(row), headers: { etag: etagOf(row.revision) } };
    },
  });
  changingRoutes(app, deps);
}

function changingRoutes(app: FastifyInstance, deps: RouteDeps & ChangeDeps): void {
  const view = viewOf(deps);
  route(app, deps, {
    method: 'PATCH',
    url: '/v1/projects/:project',
    permission: 'wayside.project.update',
    summary: 'Change the description of a project, and what it keeps of its runs',
    tag,
    params,
    hears: ['if-match'],
    body: projectUpdateSchema,
    answers: { 200: projectSchema },
    handler: async (context) => {
      const before = await readProject(deps, context.project.id);
      requireMatch(context.request, before.revision);
      const row = await changeProject(deps, context, { before, body: context.body });
      return { status: 200, body: view(row), headers: { etag: etagOf(row.revision) } };
    },
  });
  route(app, deps, {
    method: 'POST',
    url: '/v1/projects/:project/move',
    permission: 'wayside.project.move',
    changesPolicy: true,
    summary: 'Move a project into a folder, or out of all; other bindings reach it at once',
    tag,
    params,
    hears: ['if-match'],
    body: moveSchema,
    answers: { 200: projectSchema },
    handler: async (context) => {
      const before = await readProject(deps, context.project.id);
      requireMatch(context.request, before.revision);
      const { folder } = context.body;
      const to = folder === null ? null : mustFindFolder(deps.authority.policy(), folder);
      const row = await moveProjectTo(deps, context, { before, folder: to });
      return { status: 200, body: view(row), headers: { etag: etagOf(row.revision) } };
    },
  });
  route(app, deps, {
    method: 'DELETE',
    url: '/v1/projects/:project',
    permission: 'wayside.project.delete',
    changesPolicy: true,
    summary: 'Delete a project that nothing hangs on',
    tag,
    params,
    hears: ['if-match?'],
    answers: { 204: null },
    handler: async (context) => {
      heedMatch(context.request, (await readProject(deps, context.project.id)).revision);
      await removeProject(deps, context, context.project);
      return { status: 204 };
    },
  });
}

async function readProject(deps: ChangeDeps, id: string): Promise<ProjectsTable> {
  const [row] = await deps.store.read(selectProject(deps.store, id));
  if (row === undefined) throw changedMeanwhile();
  return row;
}

function viewOf({ authority }: RouteDeps): (row: ProjectsTable) => z.input<typeof projectSchema> {
  return ({ id, name, description, folder, created_at, revision, ...kept }) => ({
    id,
    name,
    description,
    keep_runs_ms: kept.keep_runs_ms,
    keep_output_ms: kept.keep_output_ms,
    keep_runs_max: kept.keep_runs_max,
    folder:
      folder === null ? null : { id: folder, name: authority.policy().folders.get(folder)?.name ?? folder },
    created_at,
    revision,
  });
}
