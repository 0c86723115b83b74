// The disk of an agent: the journal with what is flushed and what is only written, and the spools. It outlives the
// processes; a failure of the power takes back what was not flushed.
import { Failure } from '../../protocol/failures.ts';
import type { Clock } from '../../agent/contract.ts';
import { JournalFold, parseRecord, runKey } from '../../agent/journal-records.ts';
import type { JournalRecord } from '../../agent/journal-records.ts';
import type { JournalReport } from '../../agent/journal.ts';
import type { RunSpool, SpoolKey } from '../../agent/spool.ts';
import type { Chance } from './chance.ts';
import type { Actor, VirtualTime } from './time.ts';

interface Written {
  readonly n: number;
  readonly record: JournalRecord;
}

interface Frame {
  readonly seq: number;
  readonly text: string;
}

export class Disk {
  /** What the file holds: as many of these as `flushed` are on the disk, the others with the kernel. */
  readonly journal: Written[] = [];
  flushed = 0;
  readonly spools = new Map<string, Frame[]>();
  /** Nothing can be written. */
  full = false;
  /** How long a flush takes at the most. */
  slowMs = 4;
  /** Bytes at the end of the journal that are half a record. */
  torn = 0;

  /** The machine lost its power: of what was not flushed a part is there, and the last of it may be torn. */
  losePower(chance: Chance): void {
    const kept = chance.between(this.flushed, this.journal.length);
    if (kept < this.journal.length && chance.happens(0.5)) this.torn = chance.between(1, 200);
    this.journal.splice(kept);
    this.flushed = this.journal.length;
    for (const [key, frames] of this.spools) {
      frames.splice(chance.between(0, frames.length));
      if (frames.length === 0) this.spools.delete(key);
    }
  }
}

interface Pending extends Written {
  readonly durable: boolean;
  readonly resolve: () => void;
  readonly reject: (failure: Failure) => void;
}

interface DiskWorld {
  readonly time: VirtualTime;
  readonly chance: Chance;
  readonly actor: Actor;
  readonly faultPoint: (name: string) => void;
}

/** The journal of one process, with the promises of `Journal`. */
export class SimulatedJournal {
  readonly fold = new JournalFold();
  readonly report: JournalReport;
  readonly #disk: Disk;
  readonly #world: DiskWorld;
  #counter: number;
  #durableCounter: number;
  #pending: Pending[] = [];
  #writing = false;

  constructor(disk: Disk, world: DiskWorld) {
    this.#disk = disk;
    this.#world = world;
    let counter = 0;
    for (const { n, record } of disk.journal) {
      const parsed = parseRecord(JSON.parse(JSON.stringify(record)));
      if (parsed === null) throw new Error('the journal holds what is no record');
      counter = Math.max(counter, n, parsed.type === 'opened' ? parsed.counter : 0);
      this.fold.apply(parsed);
    }
    this.#counter = counter + disk.torn;
    this.#durableCounter = this.#counter;
    this.report = { damage: [], torn: disk.torn, unknown: 0, kept: null };
    disk.torn = 0;
    // Opening flushes what is there.
    disk.flushed = disk.journal.length;
  }

  async opened(clock: Clock): Promise<void> {
    await this.append({ type: 'opened', at: Math.floor(clock.now()), counter: this.#counter });
  }

  get counter(): number {
    return this.#durableCounter;
  }

  append(record: JournalRecord): Promise<void> {
    return this.#enqueue(record, true);
  }

  note(record: JournalRecord): Promise<void> {
    return this.#enqueue(record, false);
  }

  #enqueue(record: JournalRecord, durable: boolean): Promise<void> {
    this.#counter += 1;
    this.fold.apply(record);
    const n = this.#counter;
    return new Promise((resolve, reject) => {
      this.#pending.push({ n, record, durable, resolve, reject });
      if (this.#writing) return;
      this.#writing = true;
      void Promise.resolve().then(() => this.#write());
    });
  }

  #write(): void {
    if (!this.#world.actor.alive) return;
    const group = this.#pending;
    this.#pending = [];
    const failure = this.#writeGroup(group);
    if (failure !== null) {
      for (const { reject } of group) reject(failure);
      return this.#goOn();
    }
    if (!group.some(({ durable }) => durable)) return this.#goOn();
    const { time, actor, chance, faultPoint } = this.#world;
    time.after(actor, chance.seldom(0.1, this.#disk.slowMs), () => {
      this.#disk.flushed = Math.max(this.#disk.flushed, this.#mark(group));
      this.#durableCounter = group.at(-1)?.n ?? this.#durableCounter;
      faultPoint('journal.flushed');
      for (const { durable, resolve } of group) if (durable) resolve();
      this.#goOn();
    });
  }

  #writeGroup(group: readonly Pending[]): Failure | null {
    if (this.#disk.full) return new Failure('disk_full', 'The disk is full.');
    for (const { n, record } of group) this.#disk.journal.push({ n, record });
    this.#world.faultPoint('journal.written');
    for (const { durable, resolve } of group) if (!durable) resolve();
    return null;
  }

  /** How many records there are up to the last of the group. */
  #mark(group: readonly Pending[]): number {
    const last = group.at(-1)?.n ?? 0;
    return this.#disk.journal.findLastIndex(({ n }) => n === last) + 1;
  }

  #goOn(): void {
    if (this.#pending.length > 0) return this.#write();
    this.#writing = false;
  }
}

/** The spools of one process, with the promises of `SpoolFolder`. */
export class SimulatedSpools {
  readonly #disk: Disk;
  readonly #actor: Actor;

  constructor(disk: Disk, actor: Actor) {
    this.#disk = disk;
    this.#actor = actor;
  }

  has(key: SpoolKey): boolean {
    return this.#disk.spools.has(runKey(key));
  }

  recover(key: SpoolKey): RunSpool {
    return this.#spool(runKey(key), [...(this.#disk.spools.get(runKey(key)) ?? [])]);
  }

  settle(): void {
    // What is left belongs to runs that nobody asks for any more; the names of the frames tell it apart.
  }

  create(): RunSpool {
    return this.#spool(null, []);
  }

  #spool(from: string | null, entries: Frame[]): RunSpool {
    const disk = this.#disk;
    const actor = this.#actor;
    let key = from;
    let waiting = entries;
    let last = entries.at(-1)?.seq ?? 0;
    return {
      get lastSeq() {
        return last;
      },
      get bytes() {
        return waiting.reduce((sum, { text }) => sum + text.length, 0);
      },
      append(seq, text) {
        if (!actor.alive) return;
        if (disk.full) throw new Error('ENOSPC');
        const frame = JSON.parse(text) as { run: string; attempt: number };
        key ??= runKey(frame);
        const file = disk.spools.get(key) ?? [];
        disk.spools.set(key, file);
        file.push({ seq, text });
        waiting.push({ seq, text });
        last = seq;
      },
      read: (seq) => waiting.find((frame) => frame.seq === seq)?.text ?? null,
      next: (seq) => waiting.find((frame) => frame.seq >= seq)?.seq ?? null,
      acknowledge(seq) {
        waiting = waiting.filter((frame) => frame.seq > seq);
      },
      raise(seq) {
        last = Math.max(last, seq);
      },
      remove() {
        if (key !== null && actor.alive) disk.spools.delete(key);
        waiting = [];
      },
    };
  }
}
