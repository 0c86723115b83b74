// Heads of the control plane's audit trail, kept where the control plane cannot reach: whoever cuts its trail off or
// writes it anew contradicts a head that some agent has (rules.md 32). One small file in the state folder.
import { mkdirSync, readFileSync } from 'node:fs';
import { rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { JWK } from 'jose';
import { z } from 'zod';
import {
  auditKeySchema,
  exportedHeadSchema,
  headHash,
  readHead,
  verifyHead,
} from '../protocol/audit-head.ts';
import type { AuditHead, ExportedHead } from '../protocol/audit-head.ts';
import { headConflictSchema } from '../protocol/frames.ts';
import type { HeadConflict, ServerFrame } from '../protocol/frames.ts';
import { stringifyJson } from '../protocol/json.ts';
import { headConflictsMax, keptHeadsMax } from '../protocol/limits.ts';
import type { Clock } from './contract.ts';
import type { StoredIdentity } from './identity.ts';
import { readAuditKeys } from './intent-keys.ts';
import { decodeJson } from './json-bytes.ts';
import type { Log } from './log.ts';

const file = 'heads.json';

const keptFileSchema = z.object({
  /** Oldest first. */
  heads: z.array(exportedHeadSchema.extend({ received_at: z.int() })).max(keptHeadsMax * 2),
  conflicts: z.array(headConflictSchema.extend({ at: z.int(), told: z.boolean() })).max(headConflictsMax),
});
export type KeptHeads = z.infer<typeof keptFileSchema>;

const nothing: KeptHeads = { heads: [], conflicts: [] };

/** What the file says; nothing where there is none, or something else is in it. */
export function readKeptHeads(folder: string): KeptHeads {
  try {
    const result = keptFileSchema.safeParse(decodeJson(readFileSync(join(folder, file))));
    return result.success ? result.data : nothing;
  } catch {
    return nothing;
  }
}

/** A kept head with what it says. */
export interface ReadHead extends ExportedHead {
  readonly head: AuditHead;
}

export type HeadVerdict = 'fresh' | 'known' | HeadConflict['kind'];

/** How a head that was shown as the newest stands to those that are kept, of the same life of the store. Pure. */
export function judgeHead(
  kept: readonly ReadHead[],
  shown: { readonly head: AuditHead; readonly jws: string },
): { readonly verdict: HeadVerdict; readonly against: ReadHead | null } {
  const { head } = shown;
  const same = kept.filter(
    ({ head: one }) =>
      one.store_incarnation === head.store_incarnation && one.organization === head.organization,
  );
  const twin = same.find(({ head: one }) => one.number === head.number);
  if (twin !== undefined && !isSame(twin.head, head)) return { verdict: 'forked', against: twin };
  const [newest] = [...same].sort((a, b) => b.head.number - a.head.number);
  if (newest === undefined) return { verdict: 'fresh', against: null };
  if (head.number < newest.head.number) return { verdict: 'went_back', against: newest };
  if (twin !== undefined) return { verdict: 'known', against: twin };
  const isNext = head.number === newest.head.number + 1;
  const follows = head.position > newest.head.position && (!isNext || head.previous === headHash(newest.jws));
  return follows ? { verdict: 'fresh', against: newest } : { verdict: 'forked', against: newest };
}

function isSame(one: AuditHead, other: AuditHead): boolean {
  return one.position === other.position && one.hash === other.hash && one.previous === other.previous;
}

export interface HeadKeeperOptions {
  readonly folder: string;
  readonly clock: Pick<Clock, 'now'>;
  readonly log: Log;
}

/** Takes heads as they come, and says what is wrong with them; never in the way of a run. */
export class HeadKeeper {
  readonly #options: HeadKeeperOptions;
  #kept: KeptHeads;
  #keys: readonly JWK[] = [];
  #organization: string | null = null;
  /** One after the other, so that each is held against all before it. */
  #work: Promise<void> = Promise.resolve();

  constructor(options: HeadKeeperOptions) {
    this.#options = options;
    this.#kept = readKeptHeads(options.folder);
  }

  get kept(): KeptHeads {
    return this.#kept;
  }

  /** For the hello: the newest head, and contradictions that the server has not been told. */
  hello(): { readonly head: string | null; readonly conflicts: HeadConflict[] } {
    const conflicts = this.#kept.conflicts
      .filter(({ told }) => !told)
      .map(({ kind, kept, received }) => ({ kind, kept, received }));
    return { head: this.#kept.heads.at(-1)?.jws ?? null, conflicts };
  }

  welcomed(welcome: Extract<ServerFrame, { type: 'welcome' }>, identity: StoredIdentity): void {
    const { audit_keys: keys, audit_head: head, store_incarnation: store } = welcome;
    this.#do(async () => {
      if (keys !== undefined) this.#keys = await readAuditKeys(keys, identity);
      this.#organization = identity.organization;
      if (this.#kept.conflicts.some(({ told }) => !told)) {
        await this.#write({
          ...this.#kept,
          conflicts: this.#kept.conflicts.map((one) => ({ ...one, told: true })),
        });
      }
      if (typeof head === 'string') await this.#take(head);
      else if (head === null && store !== undefined) await this.#noteGone(store);
    });
  }

  /** With an acknowledgement. */
  seen(jws: string): void {
    this.#do(() => this.#take(jws));
  }

  /** Resolves when everything that came was looked at. */
  idle(): Promise<void> {
    return this.#work;
  }

  #do(work: () => Promise<void>): void {
    this.#work = this.#work.then(work).catch((cause: unknown) => {
      const reason = cause instanceof Error ? cause.message : String(cause);
      this.#options.log.error({ reason }, 'A head of the audit trail could not be kept.');
    });
  }

  async #take(jws: string): Promise<void> {
    if (this.#kept.heads.at(-1)?.jws === jws) return;
    const head = await verifyHead(jws, this.#keys);
    if (head === null || head.organization !== this.#organization) {
      this.#options.log.error('The control plane sent a head of an audit trail that it has not signed.');
      return;
    }
    const { verdict, against } = judgeHead(readAll(this.#kept.heads), { head, jws });
    if (verdict === 'went_back' || verdict === 'forked') {
      return this.#contradict({ kind: verdict, kept: against?.jws ?? '', received: jws });
    }
    if (verdict === 'known') return;
    this.#noteNewLife(head);
    const key = await keyOf(jws, this.#keys);
    if (key === null) return;
    const received_at = this.#options.clock.now();
    await this.#write({
      ...this.#kept,
      heads: [...this.#kept.heads, { jws, key, received_at }].slice(-keptHeadsMax),
    });
  }

  /** Where there was a head in this life of the store, there is one for ever. */
  async #noteGone(store: string): Promise<void> {
    const [newest] = readAll(this.#kept.heads)
      .filter(({ head }) => head.store_incarnation === store && head.organization === this.#organization)
      .sort((a, b) => b.head.number - a.head.number);
    if (newest !== undefined) await this.#contradict({ kind: 'went_back', kept: newest.jws, received: null });
  }

  #noteNewLife({ store_incarnation: store }: AuditHead): void {
    const last = readAll(this.#kept.heads).at(-1);
    if (last === undefined || last.head.store_incarnation === store) return;
    const before = { number: last.head.number, position: last.head.position };
    this.#options.log.warn(
      { before },
      'The data of the control plane was restored from a backup; heads of before are kept.',
    );
  }

  async #contradict(conflict: HeadConflict): Promise<void> {
    const isKnown = this.#kept.conflicts.some(
      ({ kept, received }) => kept === conflict.kept && received === conflict.received,
    );
    const facts = { kind: conflict.kind, kept: placeOf(conflict.kept), received: placeOf(conflict.received) };
    this.#options.log.error(
      facts,
      'The audit trail of the control plane contradicts a head that this agent keeps: it was cut off or written anew. ' +
        'See `wayside-agent heads`.',
    );
    if (isKnown || this.#kept.conflicts.length >= headConflictsMax) return;
    const at = this.#options.clock.now();
    await this.#write({
      ...this.#kept,
      conflicts: [...this.#kept.conflicts, { ...conflict, at, told: false }],
    });
  }

  async #write(kept: KeptHeads): Promise<void> {
    this.#kept = kept;
    const { folder } = this.#options;
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    const fresh = join(folder, `${file}.new`);
    await writeFile(fresh, `${stringifyJson(kept)}\n`, { mode: 0o600, flush: true });
    await rename(fresh, join(folder, file));
  }
}

/** Those that can be read, in their order. */
export function readAll(heads: KeptHeads['heads']): readonly (ReadHead & { readonly received_at: number })[] {
  return heads.flatMap((kept) => {
    const head = readHead(kept.jws);
    return head === null ? [] : [{ ...kept, head }];
  });
}

function placeOf(jws: string | null) {
  const head = jws === null ? null : readHead(jws);
  return head === null ? null : { number: head.number, position: head.position, hash: head.hash };
}

/** The key of the set that signed it, as it is kept beside it. */
async function keyOf(jws: string, keys: readonly JWK[]): Promise<ExportedHead['key'] | null> {
  for (const jwk of keys) {
    if ((await verifyHead(jws, [jwk])) === null) continue;
    const result = auditKeySchema.safeParse(jwk);
    return result.success ? result.data : null;
  }
  return null;
}
