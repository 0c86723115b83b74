// The agent's memory that outlives it: one append-only file for all runs, flushed in groups, rewritten when it is
// mostly dead (dispatch.md, "The agent's spool and journal"; rules.md 13).
import {
  closeSync,
  fsyncSync,
  ftruncateSync,
  openSync,
  readFileSync,
  renameSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { fdatasync, ftruncate, fsync, write } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { Failure } from '../protocol/failures.ts';
import { journalCompactBytesMin, journalRecordBytesMax, replaySetMsMin } from '../protocol/limits.ts';
import type { Clock } from './contract.ts';
import type { FaultPoint } from './fault.ts';
import { JournalFold, parseRecord } from './journal-records.ts';
import type { JournalRecord } from './journal-records.ts';
import { encodeRecord, scanRecords } from './record-file.ts';
import type { Damage } from './record-file.ts';
import { decodeJson, encodeJson } from './json-bytes.ts';

const writeTo = promisify(write);
const flushData = promisify(fdatasync);
const flushAll = promisify(fsync);
const truncateTo = promisify(ftruncate);
const compactSliceRecords = 1_000;

/** What was wrong with the file when it was opened; the damaged file is kept beside it. */
export interface JournalReport {
  readonly damage: readonly Damage[];
  readonly torn: number;
  /** Records that were whole but meant nothing to this program. */
  readonly unknown: number;
  /** Where the damaged file was kept; null where there was no damage. */
  readonly kept: string | null;
}

export interface JournalOptions {
  readonly folder: string;
  readonly clock: Clock;
  readonly faultPoint: FaultPoint;
  /** The file could not be flushed: what it holds is no longer known, so the process must end. */
  readonly fatal: (failure: Failure) => void;
  readonly compactBytesMin?: number;
}

interface Pending {
  readonly bytes: Buffer;
  readonly counter: number;
  readonly durable: boolean;
  readonly resolve: () => void;
  readonly reject: (failure: Failure) => void;
}

export class Journal {
  readonly fold: JournalFold;
  readonly report: JournalReport;
  readonly #options: JournalOptions;
  readonly #path: string;
  #file: number;
  #bytes: number;
  #compactAt: number;
  #counter: number;
  #durableCounter: number;
  #pending: Pending[] = [];
  #writing: Promise<void> | null = null;
  #closed = false;

  private constructor(options: JournalOptions, opened: Opened) {
    this.#options = options;
    this.#path = opened.path;
    this.#file = opened.file;
    this.#bytes = opened.bytes;
    this.#compactAt = Math.max(options.compactBytesMin ?? journalCompactBytesMin, opened.bytes * 2);
    this.#counter = opened.counter;
    this.#durableCounter = opened.counter;
    this.fold = opened.fold;
    this.report = opened.report;
  }

  /**
   * Reads `journal.log` in the folder, mends its tail and keeps a copy of a damaged file. Throws `state_unusable`
   * where the file cannot be read, and `disk_full` where nothing can be written.
   */
  static async open(options: JournalOptions): Promise<Journal> {
    const opened = openFile(options);
    const journal = new Journal(options, opened);
    if (opened.report.damage.length > 0) await journal.#compact();
    await journal.append({ type: 'opened', at: options.clock.now(), counter: journal.#counter });
    return journal;
  }

  /** Of the last record that is on the disk; never goes back. */
  get counter(): number {
    return this.#durableCounter;
  }

  /**
   * Resolves when the record is on the disk. Rejects with `disk_full` where it could not be written; it then counts
   * as never said, except that a run which was to be forgotten is.
   */
  append(record: JournalRecord): Promise<void> {
    return this.#enqueue(record, true);
  }

  /**
   * The same, but resolves when the record is in the file: the death of this process cannot undo it any more, that of
   * the machine can until the next `append` has taken the whole file to the disk. For what a dead machine makes void
   * (processes) or what is only told less well without it (rules.md 3: a run unknown to its agent is indeterminate).
   */
  note(record: JournalRecord): Promise<void> {
    return this.#enqueue(record, false);
  }

  /** Writes what is pending and closes the file. */
  async close(): Promise<void> {
    this.#closed = true;
    await this.#writing;
    closeSync(this.#file);
  }

  #enqueue(record: JournalRecord, durable: boolean): Promise<void> {
    if (this.#closed) return Promise.reject(new Failure('state_unusable', 'The journal is closed.'));
    this.#counter += 1;
    this.fold.apply(record);
    const bytes = encodeRecord(encodeJson({ n: this.#counter, ...record }));
    const counter = this.#counter;
    return new Promise((resolve, reject) => {
      this.#pending.push({ bytes, counter, durable, resolve, reject });
      this.#writing ??= this.#write();
    });
  }

  async #write(): Promise<void> {
    while (this.#pending.length > 0) {
      // A turn of the event loop lets everything that belongs together ride in one flush.
      await Promise.resolve();
      const group = this.#pending;
      this.#pending = [];
      const failure = (await this.#writeGroup(group)) ?? (await this.#flushGroup(group));
      for (const pending of group) {
        if (failure === null) pending.resolve();
        else pending.reject(failure);
      }
      if (failure !== null) continue;
      if (this.#bytes > this.#compactAt) await this.#compact();
    }
    // In the same turn as the last look at what is pending, so that no record waits for nobody.
    this.#writing = null;
  }

  /** In this turn: the kernel only takes a copy, which is less than a thread would cost. */
  async #writeGroup(group: readonly Pending[]): Promise<Failure | null> {
    const bytes = Buffer.concat(group.map((pending) => pending.bytes));
    try {
      for (let written = 0; written < bytes.length;) {
        written += writeSync(this.#file, bytes, written, bytes.length - written, null);
      }
    } catch (cause) {
      return this.#takeBack(cause);
    }
    this.#bytes += bytes.length;
    this.#options.faultPoint('journal.written');
    for (const pending of group) if (!pending.durable) pending.resolve();
    return null;
  }

  /** Takes the whole file to the disk, where a record of the group has to be there. */
  async #flushGroup(group: readonly Pending[]): Promise<Failure | null> {
    if (!group.some(({ durable }) => durable)) return null;
    try {
      await flushData(this.#file);
    } catch (cause) {
      // After a failed flush the kernel may have dropped the pages: what is on the disk is unknown.
      const failure = new Failure('state_unusable', 'The journal could not be flushed to the disk.', {
        cause,
      });
      this.#options.fatal(failure);
      return failure;
    }
    this.#durableCounter = group.at(-1)?.counter ?? this.#durableCounter;
    this.#options.faultPoint('journal.flushed');
    return null;
  }

  /** Removes half a group from the end of the file, so that later records do not follow damage. */
  async #takeBack(cause: unknown): Promise<Failure> {
    try {
      await truncateTo(this.#file, this.#bytes);
    } catch (truncateCause) {
      const failure = new Failure('state_unusable', 'The journal could not be mended after a failed write.', {
        cause: truncateCause,
      });
      this.#options.fatal(failure);
      return failure;
    }
    return new Failure('disk_full', 'The journal could not be written: make room on the disk.', { cause });
  }

  /** Writes a new file with what still counts and puts it in the place of the old one. */
  async #compact(): Promise<void> {
    const since = this.#options.clock.now() - replaySetMsMin;
    const path = `${this.#path}.new`;
    let file: number | null = null;
    try {
      file = openSync(path, 'w', 0o600);
      const bytes = await this.#writeCompact(file, since);
      await flushAll(file);
      this.#options.faultPoint('journal.compacted');
      renameSync(path, this.#path);
      syncFolder(this.#options.folder);
      closeSync(this.#file);
      this.#file = file;
      this.#bytes = bytes;
      this.fold.prune(since);
    } catch {
      // The old file is still whole; the next record beyond twice its size tries again.
      if (file !== null) closeSync(file);
    }
    this.#compactAt = Math.max(this.#options.compactBytesMin ?? journalCompactBytesMin, this.#bytes * 2);
  }

  async #writeCompact(file: number, since: number): Promise<number> {
    const head: JournalRecord = {
      type: 'opened',
      at: this.#options.clock.now(),
      counter: this.#durableCounter,
    };
    let written = 0;
    let slice = [encodeRecord(encodeJson({ n: this.#durableCounter, ...head }))];
    const flushSlice = async (): Promise<void> => {
      const bytes = Buffer.concat(slice);
      slice = [];
      for (let done = 0; done < bytes.length;) {
        done += (await writeTo(file, bytes, done, bytes.length - done, null)).bytesWritten;
      }
      written += bytes.length;
    };
    for (const record of this.fold.compact(since)) {
      slice.push(encodeRecord(encodeJson(record)));
      if (slice.length >= compactSliceRecords) await flushSlice();
    }
    await flushSlice();
    return written;
  }
}

interface Opened {
  readonly path: string;
  readonly file: number;
  readonly bytes: number;
  readonly counter: number;
  readonly fold: JournalFold;
  readonly report: JournalReport;
}

function openFile({ folder, clock }: JournalOptions): Opened {
  const path = join(folder, 'journal.log');
  const { bytes, file } = readOrCreate(path, folder);
  const scan = scanRecords(bytes, journalRecordBytesMax);
  const fold = new JournalFold();
  let counter = 0;
  let unknown = 0;
  for (const { payload } of scan.records) {
    const value = decodeJson(payload);
    const record = parseRecord(value);
    counter = Math.max(counter, numberOf(value), record?.type === 'opened' ? record.counter : 0);
    if (record === null) unknown += 1;
    else fold.apply(record);
  }
  const lost = scan.torn + scan.damage.reduce((sum, { bytes: count }) => sum + count, 0);
  let kept: string | null = null;
  if (lost > 0) {
    kept = `${path}.damaged-${clock.now()}`;
    writeFileSync(kept, bytes, { mode: 0o600 });
    ftruncateSync(file, scan.goodBytes);
    fsyncSync(file);
  }
  return {
    path,
    file,
    bytes: scan.goodBytes,
    // Each lost byte could have been a record: the counter must not go back (rules.md 13).
    counter: counter + lost,
    fold,
    report: { damage: scan.damage, torn: scan.torn, unknown, kept },
  };
}

function readOrCreate(path: string, folder: string): { readonly bytes: Buffer; readonly file: number } {
  try {
    const file = openSync(path, 'a', 0o600);
    fsyncSync(file);
    syncFolder(folder);
    return { bytes: readFileSync(path), file };
  } catch (cause) {
    throw new Failure(
      'state_unusable',
      `The journal ${path} cannot be read and written by this user: check the owner and mode of the state folder.`,
      { cause },
    );
  }
}

function numberOf(value: unknown): number {
  const n = typeof value === 'object' && value !== null && 'n' in value ? value.n : 0;
  return typeof n === 'number' && Number.isSafeInteger(n) ? n : 0;
}

/** A file's name is durable only when its folder has been flushed (fsync(2)). */
export function syncFolder(folder: string): void {
  const file = openSync(folder, 'r');
  try {
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
}
