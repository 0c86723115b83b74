// The routes of the audit trail: `/v1/audit`. Reading the trail is itself an event of it.
import type { FastifyInstance } from 'fastify';
import {
  auditHeadSchema,
  auditKeysSchema,
  auditPageSchema,
  auditQuerySchema,
  auditVerifyRequestSchema,
  auditVerifySchema,
} from '../../protocol/api/audit.ts';
import { Failure } from '../../protocol/failures.ts';
import { decodeCursor, encodeCursor } from '../http/page.ts';
import { route } from '../http/route.ts';
import { publicHalf } from './export.ts';
import { auditView, readAuditPage } from './list.ts';
import { filterOf, recordReading } from './reading.ts';
import type { AuditRouteDeps } from './reading.ts';
import { settingsRoutes } from './settings-routes.ts';
import { streamRoutes } from './stream-routes.ts';

const tag = 'audit';

export function auditRoutes(app: FastifyInstance, deps: AuditRouteDeps): void {
  listRoute(app, deps);
  verifyRoutes(app, deps);
  streamRoutes(app, deps);
  settingsRoutes(app, deps);
}

function listRoute(app: FastifyInstance, deps: AuditRouteDeps): void {
  route(app, deps, {
    method: 'GET',
    url: '/v1/audit',
    permission: 'audit.event.read',
    summary: 'List audit events, the newest first',
    tag,
    query: auditQuerySchema,
    answers: { 200: auditPageSchema },
    handler: async (context) => {
      const { cursor, limit, since, until } = context.query;
      const { organization } = context.caller.principal;
      const after = decodeCursor(cursor);
      const filter = filterOf(deps, context.query);
      const page = await readAuditPage(deps.store, { ...filter, organization, limit, after, since, until });
      await recordReading(deps, context, 'audit.read', {
        ...filter,
        ...(since === undefined ? {} : { since }),
        ...(until === undefined ? {} : { until }),
        continued: after !== null,
      });
      const next_cursor = page.next === null ? null : encodeCursor(page.next);
      return { status: 200, body: { items: page.rows.map(auditView), next_cursor } };
    },
  });
}

function verifyRoutes(app: FastifyInstance, deps: AuditRouteDeps): void {
  const { audit } = deps;
  route(app, deps, {
    method: 'POST',
    url: '/v1/audit/verify',
    permission: 'audit.event.verify',
    summary: 'Check the whole trail, also against a signed head that was kept elsewhere',
    tag,
    body: auditVerifyRequestSchema,
    answers: { 200: auditVerifySchema },
    handler: async (context) => {
      const { against } = context.body;
      await audit.settle();
      const verdict = await audit.verify(context.caller.principal.organization, against);
      const { valid, events, problem } = verdict;
      const details = { valid, events, problem, against: against !== undefined };
      await recordReading(deps, context, 'audit.verify', details);
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
  route(app, deps, {
    method: 'GET',
    url: '/v1/audit/keys',
    permission: 'audit.event.verify',
    summary: 'The public keys that sign heads, to be kept elsewhere',
    tag,
    answers: { 200: auditKeysSchema },
    handler: async () => {
      const keys = [...(await audit.keys())].map(([kid, key]) => ({ ...publicHalf(key), kid }));
      return { status: 200, body: { keys } };
    },
  });
}
