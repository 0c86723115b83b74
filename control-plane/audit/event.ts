// One audit event as a row: what it says in columns, and what its authentication code and its hash cover.
import { hash } from 'node:crypto';
import { auditDigest } from '../../protocol/audit-chain.ts';
import type { AuditFacts, Sha256 } from '../../protocol/audit-chain.ts';
import { canonicalJson } from '../../protocol/json.ts';
import { auditDetailsBytesMax } from '../../protocol/limits.ts';
import type { Mac } from '../secrets/mac-keys.ts';
import type { Link } from './fresh.ts';

/** Somebody who acts: a principal, an agent, or who acts for one. */
export interface AuditActor {
  readonly id: string;
  readonly name: string;
  readonly kind: string;
}

/** What is told of a change or a denial. Secrets never go in: say `redacted` where one was (redact.ts). */
export interface AuditEntry {
  readonly organization: string;
  /** Null for what the control plane did by itself. */
  readonly principal: AuditActor | null;
  /** Who acted for the principal (RFC 8693, `act`), the nearest first; left out where it acted itself. */
  readonly actors?: readonly AuditActor[];
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

export const sha256: Sha256 = (text) => hash('sha256', text);

export function auditFacts(
  entry: AuditEntry,
  identity: { readonly id: string; readonly at: number },
): AuditFacts {
  const { principal, actors = [] } = entry;
  return {
    ...identity,
    organization: entry.organization,
    // Canonical, hence `id` first: a prefix finds the events of one principal.
    principal: principal === null ? null : actorJson(principal),
    actors: actors.length === 0 ? null : `[${actors.map(actorJson).join(',')}]`,
    operation: entry.operation,
    permission: entry.permission,
    resource: entry.resource,
    result: entry.result,
    decision: entry.decision,
    details: boundedJson(entry.details),
    request: boundedJson(entry.request),
  };
}

/** Its members are in their order already. */
function actorJson({ id, kind, name }: AuditActor): string {
  return JSON.stringify({ id, kind, name });
}

/** An event is written whatever it says: where it says too much, that is what it says. */
function boundedJson(value: Readonly<Record<string, unknown>>): string {
  // The engine writes JSON several times faster than we do, and members that are in order come out canonical.
  const text = isOrdered(value) ? JSON.stringify(value) : canonicalJson(value);
  return Buffer.byteLength(text) <= auditDetailsBytesMax
    ? text
    : canonicalJson({
        omitted: `more than ${auditDetailsBytesMax} bytes`,
        members: Object.keys(value).length,
      });
}

/** Plain data whose members stand in the order of their code units, all the way down. */
function isOrdered(value: unknown): boolean {
  if (typeof value !== 'object' || value === null || JSON.isRawJSON(value)) return true;
  if (Array.isArray(value)) return value.every(isOrdered);
  if (Object.getPrototypeOf(value) !== Object.prototype) return false;
  let last = '';
  for (const [name, member] of Object.entries(value)) {
    if (name < last || member === undefined || !isOrdered(member)) return false;
    last = name;
  }
  return true;
}

/** An event's digest, and the authentication code over it, hence over every fact. */
export function linkOf(mac: Mac, facts: AuditFacts): Link {
  const digest = auditDigest(sha256, facts);
  return { digest, mac: mac(digest) };
}
