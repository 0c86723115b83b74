// The envelope in which audit events travel to collectors: the members of HCP's audit log stream (product.md 1.8), and
// in `metadata` the event itself with its place in the chain, so that an envelope can be verified like the event.
import type { ExportedEvent } from './exported-event.ts';
import { canonicalJson } from './json.ts';

const topic = 'wayside.audit';

const actionOfVerb: Readonly<Record<string, string>> = {
  create: 'CREATE',
  issue: 'CREATE',
  start: 'CREATE',
  enroll: 'CREATE',
  read: 'READ',
  list: 'READ',
  verify: 'READ',
  export: 'READ',
  tail: 'READ',
  backup: 'READ',
  explain: 'READ',
  delete: 'DELETE',
  remove: 'DELETE',
  revoke: 'DELETE',
  prune: 'DELETE',
};

const statusOfResult: Readonly<Record<string, number>> = { allowed: 200, denied: 403, failed: 500 };

const typeOfKind: Readonly<Record<string, string>> = {
  user: 'USER',
  service: 'SERVICE',
  team: 'GROUP',
  agent: 'AGENT',
  run: 'RUN',
};

/** One line of an export with `format=envelope`. The same event gives the same envelope, always. */
export function auditEnvelope(event: ExportedEvent): object {
  const { principal, actors, request } = event;
  const project = /^(?:organizations\/[^/]+\/)?projects\/([^/]+)/.exec(event.resource)?.[1] ?? '';
  return {
    id: event.id,
    timestamp: new Date(event.at).toISOString(),
    stream: { organization_id: event.organization, project_id: project, topic },
    control_plane_event: {
      action: actionOf(event),
      description: descriptionOf(event),
      status_code: statusOfResult[event.result] ?? 500,
      request_info: {
        http_verb: textOf(request['method']),
        http_path: textOf(request['path']),
        http_user_agent: textOf(request['user_agent']),
        http_client_ip: textOf(request['ip']),
      },
      authentication_info: {
        // What the control plane did by itself has no principal.
        principal: principal === null ? null : principalOf(principal),
        service_principal_delegation_chain: actors.map(principalOf),
      },
      authorization_info:
        event.permission === null
          ? []
          : [
              {
                permissions: [event.permission],
                organization_id: event.organization,
                project_id: project,
                resource_id: event.resource,
              },
            ],
      metadata: { event },
      operation_info: { operation_id: event.decision ?? event.id },
    },
  };
}

/** Whether an envelope says what its event says, and nothing else. */
export function isEnvelopeOf(envelope: unknown, event: ExportedEvent): boolean {
  return canonicalJson(envelope) === canonicalJson(auditEnvelope(event));
}

/** By what was done; a denial by what was asked for. */
function actionOf({ operation, permission }: ExportedEvent): string {
  const asked = operation === 'access' ? (permission ?? '') : operation;
  return actionOfVerb[asked.split('.').at(-1) ?? ''] ?? 'UPDATE';
}

function descriptionOf(event: ExportedEvent): string {
  const who = event.principal?.name ?? 'the control plane';
  const by = event.actors[0] === undefined ? who : `${event.actors[0].name} for ${who}`;
  return `${by}: ${event.operation} on ${event.resource} (${event.result})`;
}

function principalOf({
  id,
  kind,
  name,
}: {
  readonly id: string;
  readonly kind: string;
  readonly name: string;
}) {
  return { id, type: typeOfKind[kind] ?? 'INTERNAL_OPERATOR', name, group_ids: [] };
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : '';
}
