// The chain of audit events: which bytes an event's digest covers, and how each event takes up the one before. Shared
// with whoever verifies without a server; the hash function is a parameter, because this folder has no platform.

/** SHA-256 (FIPS 180-4) of the UTF-8 form of a text: 64 characters of lower-case hex. */
export type Sha256 = (text: string) => string;

/** What is fixed when an event is written. JSON members are canonical (RFC 8785) texts. */
export interface AuditFacts {
  readonly id: string;
  readonly organization: string;
  /** Epoch ms. */
  readonly at: number;
  /** JSON of `{id, kind, name}`; null for what the control plane did by itself. */
  readonly principal: string | null;
  /** JSON list of who acted for the principal, the nearest first; null where it acted itself. */
  readonly actors: string | null;
  readonly operation: string;
  readonly permission: string | null;
  readonly resource: string;
  readonly result: string;
  readonly decision: string | null;
  /** JSON. */
  readonly details: string;
  /** JSON. */
  readonly request: string;
}

/** A place in the chain; `position` 0 with `auditGenesisHash` is before the first event. */
export interface ChainPlace {
  readonly position: number;
  readonly hash: string;
}

export const auditGenesisHash = '';

/**
 * Digest of an event's facts. Each is written with its length (in UTF-16 code units) before it, and null as `-`, so
 * that no text can reach over into its neighbour.
 */
export function auditDigest(sha256: Sha256, facts: AuditFacts): string {
  return sha256(
    sized(facts.id) +
      sized(facts.organization) +
      sized(String(facts.at)) +
      sized(facts.principal) +
      sized(facts.actors) +
      sized(facts.operation) +
      sized(facts.permission) +
      sized(facts.resource) +
      sized(facts.result) +
      sized(facts.decision) +
      sized(facts.details) +
      sized(facts.request),
  );
}

/** The hash of an event in the chain: over its position, the hash before it, its digest and its authentication code. */
export function auditChainHash(
  sha256: Sha256,
  event: {
    readonly position: number;
    readonly previous: string;
    readonly digest: string;
    readonly mac: string;
  },
): string {
  // The code stands last: of all four it is the only one whose alphabet somebody else could choose.
  return sha256(`${event.position} ${event.previous} ${event.digest} ${event.mac}`);
}

function sized(text: string | null): string {
  return text === null ? '-' : `${text.length}:${text}`;
}
