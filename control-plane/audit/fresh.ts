// What this process has appended and nobody has chained yet. The chain needs an event's digest and code, which were
// made when it was written: keeping them for that moment spares reading every event back.
import { auditFreshMax } from '../../protocol/limits.ts';

/** What the chain takes of an event. */
export interface Link {
  readonly digest: string;
  readonly mac: string;
}

export interface FreshLinks {
  /** An event that may be committed or not; the oldest make room. */
  add(id: string, link: Link): void;
  of(id: string): Link | undefined;
  /** It was chained. */
  drop(id: string): void;
}

export function openFreshLinks(): FreshLinks {
  const links = new Map<string, Link>();
  return {
    add(id, link) {
      if (links.size >= auditFreshMax) forgetOldest(links);
      links.set(id, link);
    },
    of: (id) => links.get(id),
    drop: (id) => void links.delete(id),
  };
}

/**
 * A tenth at once: what was deleted at the front of a Map is passed over by each look for its first member until the
 * Map is built anew, so a look for each event would cost more than everything else about it.
 */
function forgetOldest(links: Map<string, Link>): void {
  let left = Math.ceil(auditFreshMax / 10);
  for (const id of links.keys()) {
    if (left === 0) return;
    links.delete(id);
    left -= 1;
  }
}
