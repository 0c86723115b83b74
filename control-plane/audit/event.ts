// One audit event as a row: what it says in columns, and the bytes that its authentication code and its hash cover.
import { createHash } from 'node:crypto';
import { canonicalJson } from '../../protocol/json.ts';
import { auditDetailsBytesMax } from '../../protocol/limits.ts';
import type { AuditEventsTable } from '../store/schema.ts';

/** What is told of a change or a denial. Secrets never go in: say `redacted` where one was (redact.ts). */
export interface AuditEntry {
  readonly organization: string;
  /** Null for what the control plane did by itself. */
  readonly principal: { readonly id: string; readonly name: string; readonly kind: string } | null;
  /** Noun and verb, for instance `run.start`. */
  readonly operation: string;
  readonly permission: string | null;
  readonly resource: string;
  readonly result: 'allowed' | 'denied' | 'failed';
  /** Of the decision whose trace explains it. */
  readonly decision: string | null;
  readonly details: Readonly<Record<string, unknown>>;
  readonly request: Readonly<Record<string, unknown>>;
}

/** What is fixed when the event is written; its place in the chain comes later. */
export type AuditFacts = Omit<AuditEventsTable, 'mac' | 'position' | 'previous_hash' | 'hash'>;

export function auditFacts(
  entry: AuditEntry,
  identity: { readonly id: string; readonly at: number },
): AuditFacts {
  const { principal } = entry;
  return {
    ...identity,
    organization: entry.organization,
    // Canonical, hence `id` first: a prefix finds the events of one principal.
    principal:
      principal === null
        ? null
        : canonicalJson({ id: principal.id, kind: principal.kind, name: principal.name }),
    operation: entry.operation,
    permission: entry.permission,
    resource: entry.resource,
    result: entry.result,
    decision: entry.decision,
    details: boundedJson(entry.details),
    request: boundedJson(entry.request),
  };
}

/** An event is written whatever it says: where it says too much, that is what it says. */
function boundedJson(value: Readonly<Record<string, unknown>>): string {
  const text = canonicalJson(value);
  return Buffer.byteLength(text) <= auditDetailsBytesMax
    ? text
    : canonicalJson({
        omitted: `more than ${auditDetailsBytesMax} bytes`,
        members: Object.keys(value).length,
      });
}

/** What the authentication code of a row covers: every column that is fixed at insert. */
export function factsText(row: AuditFacts): string {
  return canonicalJson([
    row.id,
    row.organization,
    row.at,
    row.principal,
    row.operation,
    row.permission,
    row.resource,
    row.result,
    row.decision,
    row.details,
    row.request,
  ]);
}

/** The hash before the first event of an organization; its row is created with it. */
export const auditGenesisHash = '';

/** SHA-256 over the hash before, the position, the facts and their code: hex. */
export function chainHash(
  row: AuditFacts & { readonly mac: string },
  place: { readonly position: number; readonly previous: string },
): string {
  const text = canonicalJson([place.previous, place.position, factsText(row), row.mac]);
  return createHash('sha256').update(text, 'utf8').digest('hex');
}
