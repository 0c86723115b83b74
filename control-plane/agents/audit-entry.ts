// Audit events that no person caused: what agents do, and what is done to them because of what they showed.
import type { AuditEntry } from '../authority/change.ts';

export function auditOfAgent(
  agent: {
    readonly id: string;
    readonly name: string;
    readonly organization: string;
    readonly project: string;
  },
  event: {
    readonly operation: string;
    readonly result?: AuditEntry['result'];
    readonly details: Readonly<Record<string, unknown>>;
    readonly ip: string;
  },
): AuditEntry {
  return {
    organization: agent.organization,
    principal: { id: agent.id, name: agent.name, kind: 'agent' },
    operation: event.operation,
    permission: null,
    resource: `projects/${agent.project}/agents/${agent.id}`,
    result: event.result ?? 'allowed',
    decision: null,
    details: event.details,
    request: { ip: event.ip },
  };
}
