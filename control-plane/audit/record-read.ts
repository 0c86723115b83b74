// Allowed reads that are audited: of a log, for one. Whoever follows a log asks for it again and again, so a reading
// is one event for each principal, thing and hour.
import { auditReadMs, auditReadsRememberedMax } from '../../protocol/limits.ts';
import type { Store } from '../store/store.ts';
import type { AuditEntry } from './event.ts';
import type { AuditTrail } from './trail.ts';

export type RecordRead = (read: Omit<AuditEntry, 'result'>) => Promise<void>;

/** Resolves when the event is durable, or was so before; what cannot be recorded is not to be read. */
export function openReadRecorder(deps: {
  readonly store: Store;
  readonly trail: Pick<AuditTrail, 'step'>;
  readonly clock: { now(): number };
}): RecordRead {
  const recorded = new Map<string, number>();
  return async (read) => {
    const hour = Math.floor(deps.clock.now() / auditReadMs);
    const who = [read.principal, ...(read.actors ?? [])].map((actor) => actor?.id ?? '').join(' ');
    const key = `${read.organization} ${who} ${read.operation} ${read.resource}`;
    if (recorded.get(key) === hour) return;
    await deps.store.write([deps.trail.step({ ...read, result: 'allowed' })]);
    recorded.delete(key);
    const oldest = recorded.keys().next().value;
    if (recorded.size >= auditReadsRememberedMax && oldest !== undefined) recorded.delete(oldest);
    recorded.set(key, hour);
  };
}
