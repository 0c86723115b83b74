// The audit trail as the control plane opens it: appending, chaining, counting, verifying, exporting, pruning.
import type { JWK } from 'jose';
import type { ExportedHead } from '../../protocol/audit-head.ts';
import { auditSweepMs } from '../../protocol/limits.ts';
import type { Secrets } from '../secrets/secrets.ts';
import type { AuditEventsTable } from '../store/schema.ts';
import type { Store } from '../store/store.ts';
import { openChain } from './chain.ts';
import { startChainer } from './chainer.ts';
import type { Chainer, ChainerDeps } from './chainer.ts';
import { openDenialCounter } from './denials.ts';
import type { DenialCounter } from './denials.ts';
import { exportAudit } from './export.ts';
import type { ExportQuery } from './export.ts';
import { openFreshLinks } from './fresh.ts';
import { auditKeys, openHeads } from './heads.ts';
import type { SealedHead } from './heads.ts';
import { pruneAudit } from './prune.ts';
import { openReadRecorder } from './record-read.ts';
import type { RecordRead } from './record-read.ts';
import { recordRestoration } from './record-restoration.ts';
import { openDenialSampler } from './sample-denials.ts';
import type { DenialSampler } from './sample-denials.ts';
import { selectAllSettings } from './settings.ts';
import { beforeLast, openGrowth, tailAudit } from './tail.ts';
import type { TailQuery } from './tail.ts';
import { openTrail } from './trail.ts';
import type { AuditTrail } from './trail.ts';
import { verifyAudit } from './verify.ts';
import type { Verification } from './verify.ts';

export interface Audit extends AuditTrail {
  /** Counts a denial of a request that nobody signed (rules.md 32). */
  countDenial: DenialCounter['count'];
  /** Records an allowed read of a log, once an hour for each principal and log. */
  recordRead: RecordRead;
  /** The newest signed head of an organization, for agents and for keeping elsewhere; null before the first. */
  head(organization: string): Promise<ExportedHead | null>;
  /** The position before the last `count` events that match, of those that have one now. */
  beforeLast(query: Omit<TailQuery, 'after'>, count: number): Promise<number>;
  /** Public keys that ever signed heads, by their ids. */
  keys(): Promise<ReadonlyMap<string, JWK>>;
  verify(organization: string, against?: unknown): Promise<Verification>;
  /** Whole lines, a piece at a time. */
  export(query: ExportQuery): Promise<AsyncGenerator<string>>;
  /** Events as they get their positions, until its `return` is called. */
  tail(query: TailQuery): AsyncIterator<AuditEventsTable>;
  /** Removes what retention no longer keeps, and heads that are old. */
  prune(): Promise<{ readonly events: number; readonly heads: number }>;
  /** Reads the settings again; every process does so by itself within `auditSweepMs`. */
  reloadSettings(): Promise<void>;
  /** Chains and signs everything that is committed now. */
  settle: Chainer['settle'];
  close: Chainer['close'];
}

export interface AuditDeps {
  readonly store: Store;
  readonly secrets: Pick<Secrets, 'auditMac' | 'auditMacKey' | 'signingKeys'>;
  readonly clock: { now(): number } & ChainerDeps['clock'];
  readonly report: (cause: unknown) => void;
  /** Told of each head of a trail that this process has signed. */
  readonly sealed?: (head: SealedHead) => void;
  /** Of the database, where it is one that several threads can read. */
  readonly file?: string;
}

export function openAudit(deps: AuditDeps): Audit {
  const { store, clock, report } = deps;
  const { auditMac: mac, auditMacKey: macKey, signingKeys } = deps.secrets;
  const fresh = openFreshLinks();
  const chain = openChain(store, fresh);
  const { sealed } = deps;
  const heads = openHeads({ store, chain, signingKeys, clock, ...(sealed === undefined ? {} : { sealed }) });
  const denials = openDenialCounter({ store, clock });
  const sampler = openDenialSampler(clock);
  const growth = openGrowth(clock);
  const trail = openTrail({ store, mac, clock, fresh, onStep: () => chainer.wake() });
  const verifying = { store, mac, macKey, signingKeys, file: deps.file ?? null };
  const reloadSettings = () => applySettings(store, sampler);
  const chainer = startChainer({
    ...{ chain, heads, clock, report },
    prepare: () => recordRestoration(store, trail),
    before: async ({ last }) => {
      await reloadSettings();
      await denials.flush();
      await sampler.tell((events) => store.write(events.map(trail.step)), { all: last });
    },
    grown: growth.grown,
  });
  return {
    step: trail.step,
    recordDenial: async (entry, alongside) => {
      if (sampler.takes(entry)) await trail.recordDenial(entry, alongside);
    },
    countDenial: (reason) => {
      denials.count(reason);
      chainer.wake();
    },
    recordRead: openReadRecorder({ store, trail, clock }),
    head: (organization) => heads.newest(organization),
    beforeLast: async (query, count) => {
      await chainer.settle();
      return beforeLast(store, query, count);
    },
    keys: () => auditKeys(signingKeys),
    verify: (organization, against) =>
      verifyAudit(verifying, against === undefined ? { organization } : { organization, against }),
    export: (query) => exportAudit({ store, signingKeys, clock }, query),
    tail: (query) => tailAudit({ store, growth }, query, auditSweepMs),
    prune: () => pruneAudit({ ...verifying, trail, clock }),
    reloadSettings,
    settle: () => chainer.settle(),
    close: () => chainer.close(),
  };
}

async function applySettings(store: Store, sampler: DenialSampler): Promise<void> {
  for (const { organization, denials_per_minute } of await store.read(selectAllSettings(store))) {
    sampler.setLimit(organization, denials_per_minute);
  }
}
