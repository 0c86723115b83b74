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
      const oldest = links.keys().next().value;
      if (links.size >= auditFreshMax && oldest !== undefined) links.delete(oldest);
      links.set(id, link);
    },
    of: (id) => links.get(id),
    drop: (id) => void links.delete(id),
  };
}
