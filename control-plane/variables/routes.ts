// The routes of variables: `/v1/projects/{p}/variables`.
import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { variablePageSchema, variableSchema, variableSetSchema } from '../../protocol/api/operations.ts';
import { pageQuerySchema } from '../../protocol/api/page.ts';
import { Failure } from '../../protocol/failures.ts';
import { nameSchema, referenceSchema } from '../../protocol/ids.ts';
import { parseJson } from '../../protocol/json.ts';
import type { JsonValue } from '../../protocol/json.ts';
import { readAction } from '../actions/read.ts';
import type { ChangeDeps } from '../authority/change.ts';
import { etagOf, heedMatch } from '../http/etag.ts';
import { decodeCursor, toPage } from '../http/page.ts';
import { route } from '../http/route.ts';
import type { RouteDeps } from '../http/route.ts';
import type { Secrets } from '../secrets/secrets.ts';
import { inTurn } from './in-turn.ts';
import type { VariableKey } from './in-turn.ts';
import { removeVariable } from './remove.ts';
import { setVariable } from './set.ts';
import { selectBound, selectVariable, selectVariables } from './store.ts';
import type { BoundRow, VariableRow } from './store.ts';

type Deps = RouteDeps & ChangeDeps & { readonly secrets: Secrets };

const projectParams = z.object({ project: referenceSchema });
const params = projectParams.extend({ variable: nameSchema });
const scopeQuery = z.object({ action: z.string().optional() });
const tag = 'variables';

export function variableRoutes(app: FastifyInstance, deps: Deps): void {
  route(app, deps, {
    method: 'PUT',
    url: '/v1/projects/:project/variables/:variable',
    permission: 'wayside.variable.update',
    summary: 'Store a variable; a sensitive one never comes back',
    tag,
    params,
    hears: ['if-match?'],
    body: variableSetSchema,
    answers: { 200: variableSchema, 201: variableSchema },
    handler: async (context) => {
      const { variable: name } = context.params;
      const { row, created } = await setVariable(deps, context, { name, body: context.body });
      const body = await oneView(deps, row);
      return { status: created ? 201 : 200, body, headers: { etag: etagOf(row.revision) } };
    },
  });
  route(app, deps, {
    method: 'GET',
    url: '/v1/projects/:project/variables',
    permission: 'wayside.variable.read',
    summary: 'List the variables of a project and of its actions, without sensitive values',
    tag,
    params: projectParams,
    query: pageQuerySchema,
    answers: { 200: variablePageSchema },
    handler: async ({ project, query }) => {
      const after = decodeCursor(query.cursor);
      const rows = await deps.store.read(
        selectVariables(deps.store, { project: project.id, after, limit: query.limit }),
      );
      const bound = await readBound(deps, rows);
      const item = (row: VariableRow) => variableView(row, bound);
      return { status: 200, body: toPage(rows, query.limit, { key: (row) => row.id, item }) };
    },
  });
  singleRoutes(app, deps);
}

function singleRoutes(app: FastifyInstance, deps: Deps): void {
  route(app, deps, {
    method: 'GET',
    url: '/v1/projects/:project/variables/:variable',
    permission: 'wayside.variable.read',
    summary: 'Show a variable, without a sensitive value',
    tag,
    params,
    query: scopeQuery,
    answers: { 200: variableSchema },
    handler: async (context) => {
      const key = await keyOf(deps, context.project.id, { ...context.params, ...context.query });
      const row = await readVariable(deps, key);
      return { status: 200, body: await oneView(deps, row), headers: { etag: etagOf(row.revision) } };
    },
  });
  route(app, deps, {
    method: 'DELETE',
    url: '/v1/projects/:project/variables/:variable',
    permission: 'wayside.variable.delete',
    summary: 'Delete a variable',
    tag,
    params,
    query: scopeQuery,
    hears: ['if-match?'],
    answers: { 204: null },
    handler: async (context) => {
      const key = await keyOf(deps, context.project.id, { ...context.params, ...context.query });
      await inTurn(deps.store, key, async () => {
        const row = await readVariable(deps, key);
        heedMatch(context.request, row.revision);
        await removeVariable(deps, context, row);
      });
      return { status: 204 };
    },
  });
}

async function keyOf(
  deps: Deps,
  project: string,
  named: { readonly variable: string; readonly action?: string | undefined },
): Promise<VariableKey> {
  const action = named.action === undefined ? '' : (await readAction(deps.store, project, named.action)).id;
  return { project, action, name: named.variable };
}

async function readVariable(deps: Deps, key: VariableKey): Promise<VariableRow> {
  const [row] = await deps.store.read(selectVariable(deps.store, key));
  if (row !== undefined) return row;
  throw new Failure(
    'not_found',
    `There is no variable ${key.name} in this scope; an action's needs --action.`,
  );
}

async function readBound(deps: Deps, rows: readonly VariableRow[]): Promise<readonly BoundRow[]> {
  if (rows.length === 0) return [];
  return deps.store.read(
    selectBound(
      deps.store,
      rows.map((row) => row.id),
    ),
  );
}

async function oneView(deps: Deps, row: VariableRow): Promise<z.input<typeof variableSchema>> {
  return variableView(row, await readBound(deps, [row]));
}

function variableView(row: VariableRow, bound: readonly BoundRow[]): z.input<typeof variableSchema> {
  return {
    id: row.id,
    name: row.name,
    description: row.description,
    sensitive: row.sensitive === 1,
    ...(row.value === null ? {} : { value: parseJson(row.value) as JsonValue }),
    action: row.action_name,
    bind: bound
      .filter(({ variable }) => variable === row.id)
      .map(({ action_name: action, input }) => ({ action, input })),
    updated_at: row.updated_at,
    revision: row.revision,
  };
}
