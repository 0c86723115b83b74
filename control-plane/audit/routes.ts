// The routes of the audit: `/v1/audit`.
import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { auditPageSchema, auditQuerySchema, auditVerifySchema } from '../../protocol/api/authority.ts';
import { findPrincipal } from '../authority/bind.ts';
import { decodeCursor, toPage } from '../http/page.ts';
import { route } from '../http/route.ts';
import type { RouteDeps } from '../http/route.ts';
import type { Store } from '../store/store.ts';
import type { Audit } from './audit.ts';
import { auditView, selectAuditEvents } from './list.ts';

/** `against` is a signed head that was kept elsewhere; with it a cut tail is found too (rules.md 32). */
const verifyBodySchema = z.strictObject({ against: z.unknown().optional() });

export function auditRoutes(
  app: FastifyInstance,
  deps: RouteDeps & { readonly store: Store; readonly audit: Pick<Audit, 'verify' | 'settle' | 'head'> },
): void {
  route(app, deps, {
    method: 'GET',
    url: '/v1/audit',
    permission: 'audit.event.read',
    summary: 'List audit events, the newest first',
    tag: 'audit',
    query: auditQuerySchema,
    answers: { 200: auditPageSchema },
    handler: async ({ caller, query }) => {
      const { limit, operation, result } = query;
      const principal =
        query.principal === undefined
          ? undefined
          : findPrincipal(deps.authority.policy(), query.principal).id;
      const rows = await deps.store.read(
        selectAuditEvents(deps.store, {
          organization: caller.principal.organization,
          after: decodeCursor(query.cursor),
          limit,
          operation,
          principal,
          result,
        }),
      );
      return { status: 200, body: toPage(rows, limit, { key: (row) => row.id, item: auditView }) };
    },
  });
  route(app, deps, {
    method: 'POST',
    url: '/v1/audit/verify',
    permission: 'audit.event.verify',
    summary: 'Check the whole chain of the audit',
    tag: 'audit',
    body: verifyBodySchema,
    answers: { 200: auditVerifySchema },
    handler: async ({ caller, body }) => {
      await deps.audit.settle();
      const verdict = await deps.audit.verify(caller.principal.organization, body.against);
      return { status: 200, body: verdict };
    },
  });
}
