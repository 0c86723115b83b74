// The routes of entitlements: what the organization is limited to. Nothing, until somebody says so.
import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import {
  entitlementListSchema,
  entitlementNames,
  entitlementSchema,
  entitlementUpdateSchema,
} from '../../protocol/api/policy.ts';
import type { EntitlementName } from '../../protocol/api/policy.ts';
import { Failure } from '../../protocol/failures.ts';
import { etagOf, heedMatch } from '../http/etag.ts';
import { route } from '../http/route.ts';
import type { RouteDeps } from '../http/route.ts';
import type { EntitlementsTable } from '../store/tables-authority.ts';
import { commitChange } from './change.ts';
import type { ChangeDeps } from './change.ts';
import { entitlementOf, judgeEntitlement, usedOf } from './entitlements.ts';
import { deleteEntitlement, putEntitlement, selectEntitlements } from './entitlement-store.ts';
import { bumpPolicy } from './store.ts';

type Deps = RouteDeps & ChangeDeps;

const params = z.object({ name: z.enum(entitlementNames) });
const tag = 'entitlements';

export function entitlementRoutes(app: FastifyInstance, deps: Deps): void {
  route(app, deps, {
    method: 'GET',
    url: '/v1/entitlements',
    permission: 'iam.entitlement.read',
    summary: 'List what the organization is limited to, and how much of it is used',
    tag,
    answers: { 200: entitlementListSchema },
    handler: async () => {
      const rows = await rowsOf(deps);
      return { status: 200, body: { items: await Promise.all(rows.map((row) => view(deps, row))) } };
    },
  });
  changingRoutes(app, deps);
}

function changingRoutes(app: FastifyInstance, deps: Deps): void {
  route(app, deps, {
    method: 'PUT',
    url: '/v1/entitlements/:name',
    permission: 'iam.entitlement.update',
    changesPolicy: true,
    summary: 'Limit something: a quota, an end, or both, with a grace',
    tag,
    params,
    hears: ['if-match?'],
    body: entitlementUpdateSchema,
    answers: { 200: entitlementSchema },
    handler: async (context) => {
      const { name } = context.params;
      const before = (await rowsOf(deps)).find((row) => row.name === name);
      heedMatch(context.request, before?.revision ?? null);
      const policy = deps.authority.policy();
      await commitChange(deps, context, {
        operation: 'entitlement.update',
        resource: `entitlements/${name}`,
        details: { before: before === undefined ? null : entitlementOf(before), after: context.body },
        steps: [
          putEntitlement(deps.store, { organization: policy.organization.id, name, ...context.body }),
          bumpPolicy(deps.store, policy),
        ],
      });
      await deps.authority.reload();
      const row = (await rowsOf(deps)).find((each) => each.name === name);
      if (row === undefined) throw new Failure('conflict', 'Somebody else has lifted the limit meanwhile.');
      return { status: 200, body: await view(deps, row), headers: { etag: etagOf(row.revision) } };
    },
  });
  route(app, deps, {
    method: 'DELETE',
    url: '/v1/entitlements/:name',
    permission: 'iam.entitlement.update',
    changesPolicy: true,
    summary: 'Limit it no more',
    tag,
    params,
    answers: { 204: null },
    handler: async (context) => {
      const policy = deps.authority.policy();
      const { name } = context.params;
      await commitChange(deps, context, {
        operation: 'entitlement.delete',
        resource: `entitlements/${name}`,
        details: { before: policy.entitlements.get(name) ?? null },
        steps: [
          deleteEntitlement(deps.store, { organization: policy.organization.id, name }),
          bumpPolicy(deps.store, policy),
        ],
      });
      await deps.authority.reload();
      return { status: 204 };
    },
  });
}

function rowsOf({ store, authority }: Deps): Promise<readonly EntitlementsTable[]> {
  return store.read(selectEntitlements(store, authority.policy().organization.id));
}

async function view(deps: Deps, row: EntitlementsTable): Promise<z.input<typeof entitlementSchema>> {
  const name = row.name as EntitlementName;
  const used = await usedOf(deps, name);
  const { quota, ends_at, grace_ms, exceeded_at, revision } = row;
  const { state } = judgeEntitlement(entitlementOf(row), { now: deps.authority.now(), used, wanted: 0 });
  return { name, quota, used, ends_at, grace_ms, exceeded_at, state, revision };
}
