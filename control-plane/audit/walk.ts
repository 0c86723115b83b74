// Walks events in their order and compares each with its code, its hash and the one before it. Pure: whoever reads the
// rows, a thread or the loop, hands them in.
import { auditChainHash, auditDigest } from '../../protocol/audit-chain.ts';
import type { AuditFacts, ChainPlace } from '../../protocol/audit-chain.ts';
import { macMatches } from '../secrets/mac-keys.ts';
import type { Mac } from '../secrets/mac-keys.ts';
import { sha256 } from './event.ts';

/** A row of the trail that has its place. */
export type ChainedRow = AuditFacts & {
  readonly mac: string;
  readonly position: number;
  readonly previous_hash: string | null;
  readonly hash: string | null;
};

/** What is wrong, and with which event. */
export interface Fault {
  readonly position: number;
  readonly problem: string;
}

export interface Walk {
  /** Null where the row is what should come next; nothing may be taken after a fault. */
  take(row: ChainedRow): Fault | null;
  at(): ChainPlace;
}

/** From behind `start` on. `expected` has the hashes that signed heads name, by position. */
export function openWalk(mac: Mac, start: ChainPlace, expected: ReadonlyMap<number, string>): Walk {
  let { position, hash } = start;
  const problemOf = (row: ChainedRow): string | null => {
    const name = `event ${position + 1} (${row.id})`;
    if (row.position !== position + 1) return `event ${position + 1} is missing`;
    const digest = auditDigest(sha256, row);
    if (!macMatches(mac, digest, row.mac)) return `${name} was edited or inserted`;
    if (row.previous_hash !== hash) return `${name} does not follow the one before it`;
    const own = auditChainHash(sha256, { position: position + 1, previous: hash, digest, mac: row.mac });
    if (row.hash !== own) return `${name} has another hash than its content`;
    if ((expected.get(position + 1) ?? own) !== own)
      return `${name} is not the one that was signed: the trail was written anew`;
    return null;
  };
  return {
    take: (row) => {
      const problem = problemOf(row);
      if (problem !== null) return { position: position + 1, problem };
      position += 1;
      hash = row.hash ?? '';
      return null;
    },
    at: () => ({ position, hash }),
  };
}
