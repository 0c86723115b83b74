// The routes of the audit trail: `/v1/audit`. Reading the trail is itself an event of it.
import type { FastifyInstance } from 'fastify';
import { auditPageSchema, auditQuerySchema, auditVerifySchema } from '../../protocol/api/authority.ts';
import { auditHeadSchema, auditVerifyRequestSchema } from '../../protocol/api/store.ts';
import { Failure } from '../../protocol/failures.ts';
import { findPrincipal } from '../authority/find.ts';
import { commitChange } from '../authority/change.ts';
import type { ChangeDeps } from '../authority/change.ts';
import { decodeCursor, toPage } from '../http/page.ts';
import { route } from '../http/route.ts';
import type { RouteDeps } from '../http/route.ts';
import type { Audit } from './audit.ts';
import { auditView, selectAuditEvents } from './list.ts';

const tag = 'audit';

export function auditRoutes(
  app: FastifyInstance,
  deps: RouteDeps & ChangeDeps & { readonly audit: Audit },
): void {
  const { audit, store } = deps;
  route(app, deps, {
    method: 'GET',
    url: '/v1/audit',
    permission: 'audit.event.read',
    summary: 'List audit events, the newest first',
    tag,
    query: auditQuerySchema,
    answers: { 200: auditPageSchema },
    handler: async (context) => {
      const { cursor, limit, operation, result } = context.query;
      const principal =
        context.query.principal === undefined
          ? undefined
          : findPrincipal(deps.authority.policy(), context.query.principal).id;
      const { organization } = context.caller.principal;
      const after = decodeCursor(cursor);
      const rows = await store.read(
        selectAuditEvents(store, { organization, limit, after, operation, principal, result }),
      );
      const details = { operation, principal, result, continued: after !== null };
      await commitChange(deps, context, { operation: 'audit.read', resource: 'audit', details, steps: [] });
      return { status: 200, body: toPage(rows, limit, { key: (row) => row.id, item: auditView }) };
    },
  });
  route(app, deps, {
    method: 'POST',
    url: '/v1/audit/verify',
    permission: 'audit.event.verify',
    summary: 'Check the whole trail, also against a signed head that was kept elsewhere',
    tag,
    body: auditVerifyRequestSchema,
    answers: { 200: auditVerifySchema },
    handler: async ({ caller, body }) => {
      await audit.settle();
      const verdict = await audit.verify(caller.principal.organization, body.against);
      return { status: 200, body: verdict };
    },
  });
  route(app, deps, {
    method: 'GET',
    url: '/v1/audit/head',
    permission: 'audit.event.verify',
    summary: 'The newest signed head of the trail, to be kept elsewhere',
    tag,
    answers: { 200: auditHeadSchema },
    handler: async ({ caller }) => {
      await audit.settle();
      const head = await audit.head(caller.principal.organization);
      if (head === null) throw new Failure('not_found', 'The trail has no event yet.');
      return { status: 200, body: head };
    },
  });
}
