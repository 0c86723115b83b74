// Audit events about runs: by a person, by an agent, by the control plane itself. Inputs never go in.
import type { AuditEntry } from '../authority/change.ts';
import type { Actor, RunFacts, Seat } from './contract.ts';

type Told = Pick<RunFacts, 'id' | 'organization' | 'project' | 'action_name' | 'sequence' | 'attempt'>;

interface Occurrence {
  /** For instance `run.cancel`. */
  readonly operation: string;
  readonly details?: Readonly<Record<string, unknown>>;
  readonly result?: AuditEntry['result'];
}

export function auditByActor(actor: Actor, run: Told, what: Occurrence): AuditEntry {
  return { ...actor.entry, ...about(run, what) };
}

export function auditByAgent(agent: Seat['agent'], session: number, run: Told, what: Occurrence): AuditEntry {
  return {
    organization: run.organization,
    principal: { ...agent, kind: 'agent' },
    permission: null,
    decision: null,
    request: { session },
    ...about(run, what),
  };
}

export function auditBySystem(run: Told, what: Occurrence): AuditEntry {
  return {
    organization: run.organization,
    principal: null,
    permission: null,
    decision: null,
    request: {},
    ...about(run, what),
  };
}

function about(
  run: Told,
  what: Occurrence,
): Pick<AuditEntry, 'operation' | 'resource' | 'result' | 'details'> {
  return {
    operation: what.operation,
    resource: `projects/${run.project}/runs/${run.id}`,
    result: what.result ?? 'allowed',
    details: { action: run.action_name, sequence: run.sequence, attempt: run.attempt, ...what.details },
  };
}
