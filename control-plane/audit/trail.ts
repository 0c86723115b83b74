// Appends events: a step for the unit of the change, so that there is never one without the other.
import type { Mac } from '../secrets/mac-keys.ts';
import { compileOnce, step } from '../store/step.ts';
import type { Step, Store } from '../store/store.ts';
import { openEventIds } from './event-id.ts';
import { auditFacts, linkOf } from './event.ts';
import type { AuditEntry } from './event.ts';
import type { FreshLinks } from './fresh.ts';

export interface AuditTrail {
  /**
   * The step that appends the event, with an authentication code over all it says. Its time is that of the control
   * plane's clock, because the code covers it.
   */
  step(entry: AuditEntry): Step;
  /** Writes a denial that belongs to no change; `alongside` go into the same unit (the trace of the decision). */
  recordDenial(entry: Omit<AuditEntry, 'result'>, alongside?: readonly Step[]): Promise<void>;
}

export interface TrailDeps {
  readonly store: Store;
  readonly mac: Mac;
  readonly clock: { now(): number };
  /** Told of each event, for the chain of the same process. */
  readonly fresh?: Pick<FreshLinks, 'add'>;
  /** Called for each step, so that the chainer knows that there will be something to chain. */
  readonly onStep?: () => void;
  /** A UUIDv7 of that time; for tests under a seed. */
  readonly newId?: (at: number) => string;
}

export function openTrail(deps: TrailDeps): AuditTrail {
  const { store, mac, clock } = deps;
  const newId = deps.newId ?? openEventIds();
  const insert = compileOnce(
    {
      id: '',
      organization: '',
      at: 0,
      principal: null as string | null,
      actors: null as string | null,
      operation: '',
      permission: null as string | null,
      resource: '',
      result: '',
      decision: null as string | null,
      details: '',
      request: '',
      mac: '',
    },
    (value) => store.db.insertInto('audit_events').values(value),
  );
  const append = (entry: AuditEntry) => {
    const at = clock.now();
    const facts = auditFacts(entry, { id: newId(at), at });
    const link = linkOf(mac, facts);
    deps.fresh?.add(facts.id, link);
    deps.onStep?.();
    return step(insert({ ...facts, mac: link.mac }));
  };
  return {
    step: append,
    recordDenial: async (entry, alongside = []) => {
      await store.write([...alongside, append({ ...entry, result: 'denied' })]);
    },
  };
}
