// The routes that stream the trail: an export of all of it, and its tail as it grows.
import type { FastifyInstance } from 'fastify';
import { Readable } from 'node:stream';
import { auditExportQuerySchema, auditTailQuerySchema } from '../../protocol/api/audit.ts';
import { Failure } from '../../protocol/failures.ts';
import { lastEventId, sendEventStream } from '../http/event-stream.ts';
import { route } from '../http/route.ts';
import { auditView } from './list.ts';
import { filterOf, recordReading } from './reading.ts';
import type { AuditRouteDeps } from './reading.ts';

const tag = 'audit';

export function streamRoutes(app: FastifyInstance, deps: AuditRouteDeps): void {
  const { audit } = deps;
  route(app, deps, {
    method: 'GET',
    url: '/v1/audit/export',
    permission: 'audit.event.read',
    summary:
      'The trail from behind a position to its end, as lines of JSON that can be verified without a server',
    tag,
    query: auditExportQuerySchema,
    answers: { 200: null },
    streams: { 200: 'application/x-ndjson' },
    handler: async (context) => {
      const { organization } = context.caller.principal;
      await recordReading(deps, context, 'audit.export', { ...context.query });
      // So that the export has its own event in it, and a signed head over everything.
      await audit.settle();
      const lines = await audit.export({ organization, ...context.query });
      return {
        status: 200,
        headers: { 'content-type': 'application/x-ndjson; charset=utf-8' },
        body: Readable.from(whileAllowed(lines, context.isStillAllowed)),
      };
    },
  });
  route(app, deps, {
    method: 'GET',
    url: '/v1/audit/tail',
    permission: 'audit.event.read',
    summary: 'Events as they get their positions, as server-sent events whose ids are the positions',
    tag,
    query: auditTailQuerySchema,
    hears: ['last-event-id'],
    answers: { 200: null },
    streams: { 200: 'text/event-stream' },
    handler: async (context) => {
      const { organization } = context.caller.principal;
      const filter = filterOf(deps, context.query);
      const seen = positionOf(lastEventId(context.request)) ?? context.query.after;
      const after = seen ?? (await audit.beforeLast({ ...filter, organization }, context.query.last));
      await recordReading(deps, context, 'audit.tail', { ...filter, after });
      await sendEventStream(context.reply, {
        source: audit.tail({ ...filter, organization, after }),
        shape: (row) => ({ id: String(row.position), event: 'event', data: auditView(row) }),
        mayGoOn: context.isStillAllowed,
      });
      return undefined;
    },
  });
}

/** An export may take long: who may no longer read gets no more, and a broken connection, not an end. */
async function* whileAllowed(
  lines: AsyncGenerator<string>,
  isStillAllowed: () => Promise<boolean>,
): AsyncGenerator<string> {
  for await (const piece of lines) {
    if (!(await isStillAllowed())) throw new Failure('forbidden', 'You may no longer read the audit.');
    yield piece;
  }
}

function positionOf(id: string | null): number | null {
  if (id === null) return null;
  if (/^\d{1,15}$/.test(id)) return Number(id);
  throw new Failure('invalid_request', 'Last-Event-ID is the id of an event of this stream.');
}
