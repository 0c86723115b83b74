// The routes of the audit's settings: `/v1/audit/settings`.
import type { FastifyInstance } from 'fastify';
import { auditSettingsSchema, auditSettingsUpdateSchema } from '../../protocol/api/audit.ts';
import { etagOf, requireMatch } from '../http/etag.ts';
import { route } from '../http/route.ts';
import { changeSettings } from './change-settings.ts';
import type { AuditRouteDeps } from './reading.ts';
import { readSettings } from './settings.ts';
import type { StoredSettings } from './settings.ts';

const tag = 'audit';

export function settingsRoutes(app: FastifyInstance, deps: AuditRouteDeps): void {
  route(app, deps, {
    method: 'GET',
    url: '/v1/audit/settings',
    permission: 'audit.settings.read',
    summary: 'How long events are kept, and which denials are written',
    tag,
    answers: { 200: auditSettingsSchema },
    handler: async ({ caller }) => answerOf(await readSettings(deps.store, caller.principal.organization)),
  });
  route(app, deps, {
    method: 'PATCH',
    url: '/v1/audit/settings',
    permission: 'audit.settings.update',
    summary: 'Change how long events are kept, and which denials are written',
    tag,
    hears: ['if-match'],
    body: auditSettingsUpdateSchema,
    answers: { 200: auditSettingsSchema },
    handler: async (context) => {
      const before = await readSettings(deps.store, context.caller.principal.organization);
      requireMatch(context.request, before.revision);
      const after = await changeSettings(deps, context, { before, body: context.body });
      await deps.audit.reloadSettings();
      return answerOf(after);
    },
  });
}

function answerOf({ retention_days, denials_per_minute, updated_at, revision }: StoredSettings) {
  return {
    status: 200,
    body: { retention_days, denials_per_minute, updated_at, revision },
    headers: { etag: etagOf(revision) },
  };
}
