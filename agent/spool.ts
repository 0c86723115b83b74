// What a run has said and nobody has acknowledged yet, on the disk: it survives a kill of the agent, so that after a
// restart nothing of it is missing at the server. A run has a file to itself while it lasts; files are used again,
// because making and removing one costs more than everything else that a small run needs of the disk. Each frame in
// a file names its run, so what is left of an earlier one is told apart.
import {
  closeSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  readFileSync,
  readSync,
  readdirSync,
  unlinkSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { frameBytesMax, outputFlushBytesMax } from '../protocol/limits.ts';
import { runKey } from './journal-records.ts';
import { decodeJson } from './json-bytes.ts';
import { encodeRecord, recordHeadBytes, scanRecords } from './record-file.ts';

/** Files that are kept open for the next runs. */
const freeFilesMax = 256;

export interface SpoolKey {
  readonly run: string;
  readonly attempt: number;
}

interface SpoolFile {
  readonly path: string;
  readonly descriptor: number;
  /** Spools that still read from it; more than one only after a restart. */
  users: number;
}

/** One numbered frame: where it lies in the file. */
interface Entry {
  readonly seq: number;
  readonly offset: number;
  readonly bytes: number;
}

interface Leftover {
  readonly file: SpoolFile;
  readonly entries: Entry[];
}

/** The folder with the spools of all runs of one agent. */
export class SpoolFolder {
  readonly #path: string;
  readonly #free: SpoolFile[] = [];
  readonly #leftovers = new Map<string, Leftover>();
  #made = 0;

  private constructor(path: string) {
    this.#path = path;
  }

  /** Makes the folder, for this user alone, and reads what an earlier process left in it. Damage is passed over. */
  static open(stateFolder: string): SpoolFolder {
    const folder = new SpoolFolder(join(stateFolder, 'spool'));
    mkdirSync(folder.#path, { recursive: true, mode: 0o700 });
    for (const name of readdirSync(folder.#path)) {
      const number = Number(/^(\d{1,9})\.spool$/.exec(name)?.[1] ?? -1);
      if (number < 0) continue;
      folder.#made = Math.max(folder.#made, number + 1);
      folder.#readFile(join(folder.#path, name));
    }
    return folder;
  }

  /** True when an earlier process left frames of this attempt. */
  has(key: SpoolKey): boolean {
    return this.#leftovers.has(runKey(key));
  }

  /** What an earlier process left of this attempt; an empty spool where that is nothing. */
  recover(key: SpoolKey): Spool {
    const leftover = this.#leftovers.get(runKey(key));
    this.#leftovers.delete(runKey(key));
    if (leftover === undefined) return this.create();
    leftover.file.users += 1;
    return new Spool(this, leftover);
  }

  /** After everything that counts was recovered: files that nobody reads are free for new runs. */
  settle(): void {
    const files = new Set([...this.#leftovers.values()].map(({ file }) => file));
    this.#leftovers.clear();
    for (const file of files) if (file.users === 0) this.#keep(file);
  }

  create(): Spool {
    return new Spool(this, null);
  }

  /** For a spool alone: a file that nobody else uses. */
  take(): SpoolFile {
    const file = this.#free.pop() ?? this.#make();
    file.users = 1;
    return file;
  }

  /** For a spool alone: it does not need the file any more. */
  release(file: SpoolFile, bytes: number): void {
    file.users -= 1;
    if (file.users > 0) return;
    if (bytes > outputFlushBytesMax) ftruncateSync(file.descriptor, 0);
    this.#keep(file);
  }

  /** Closes the files that are free. */
  close(): void {
    for (const { descriptor } of this.#free.splice(0)) closeSync(descriptor);
  }

  #make(): SpoolFile {
    const path = join(this.#path, `${this.#made}.spool`);
    this.#made += 1;
    return { path, descriptor: openSync(path, 'w+', 0o600), users: 0 };
  }

  #keep(file: SpoolFile): void {
    if (this.#free.length < freeFilesMax) {
      this.#free.push(file);
      return;
    }
    closeSync(file.descriptor);
    unlinkSync(file.path);
  }

  #readFile(path: string): void {
    const file: SpoolFile = { path, descriptor: openSync(path, 'r+'), users: 0 };
    const found = new Map<string, Entry[]>();
    for (const { offset, payload } of scanRecords(readFileSync(path), frameBytesMax).records) {
      const frame = frameOf(decodeJson(payload));
      if (frame === null) continue;
      const entries = found.get(runKey(frame)) ?? [];
      found.set(runKey(frame), entries);
      if (frame.seq <= (entries.at(-1)?.seq ?? 0)) continue;
      entries.push({ seq: frame.seq, offset: offset + recordHeadBytes, bytes: payload.length });
    }
    for (const [key, entries] of found) this.#leftovers.set(key, { file, entries });
    if (found.size === 0) this.#keep(file);
  }
}

/** What one run keeps its reports in. */
export type RunSpool = Pick<
  Spool,
  'lastSeq' | 'bytes' | 'append' | 'read' | 'next' | 'acknowledge' | 'raise' | 'remove'
>;

export class Spool {
  readonly #folder: SpoolFolder;
  /** Taken at the first frame: a run that says nothing needs none. */
  #file: SpoolFile | null;
  #fileBytes: number;
  #entries: Entry[];
  #lastSeq: number;

  constructor(folder: SpoolFolder, leftover: Leftover | null) {
    const last = leftover?.entries.at(-1);
    this.#folder = folder;
    this.#file = leftover?.file ?? null;
    this.#entries = leftover?.entries ?? [];
    this.#fileBytes = last === undefined ? 0 : last.offset + last.bytes;
    this.#lastSeq = last?.seq ?? 0;
  }

  /** 0 where nothing was ever said. */
  get lastSeq(): number {
    return this.#lastSeq;
  }

  /** Of what waits for its acknowledgement. */
  get bytes(): number {
    const first = this.#entries[0];
    return first === undefined ? 0 : this.#fileBytes - first.offset;
  }

  /** Throws what the disk throws (ENOSPC, EROFS); nothing is kept then, and the same frame may be given again. */
  append(seq: number, text: string): void {
    const payload = Buffer.from(text, 'utf8');
    const record = encodeRecord(payload);
    this.#file ??= this.#folder.take();
    let written = 0;
    while (written < record.length) {
      const at = this.#fileBytes + written;
      written += writeSync(this.#file.descriptor, record, written, record.length - written, at);
    }
    this.#entries.push({ seq, offset: this.#fileBytes + recordHeadBytes, bytes: payload.length });
    this.#fileBytes += record.length;
    this.#lastSeq = seq;
  }

  /** Null where the frame is not here: acknowledged, or lost with a crash. */
  read(seq: number): string | null {
    const entry = this.#find(seq);
    if (entry?.seq !== seq || this.#file === null) return null;
    const bytes = Buffer.alloc(entry.bytes);
    readSync(this.#file.descriptor, bytes, 0, entry.bytes, entry.offset);
    return bytes.toString('utf8');
  }

  /** The first frame at or after `seq` that is still here. */
  next(seq: number): number | null {
    return this.#find(seq)?.seq ?? null;
  }

  /** Frames are in order and seldom have gaps, so the place is nearly always the difference of the numbers. */
  #find(seq: number): Entry | null {
    const first = this.#entries[0];
    if (first === undefined) return null;
    const guess = this.#entries[Math.max(0, seq - first.seq)];
    if (guess !== undefined && (guess.seq === seq || seq <= first.seq)) return guess;
    return this.#entries.find((entry) => entry.seq >= seq) ?? null;
  }

  /** Everything up to `seq` is at the server. A large file begins anew as soon as nothing waits in it. */
  acknowledge(seq: number): void {
    const kept = this.#entries.findIndex((entry) => entry.seq > seq);
    this.#entries = kept === -1 ? [] : this.#entries.slice(kept);
    if (this.#entries.length > 0 || this.#file === null || this.#fileBytes < outputFlushBytesMax) return;
    ftruncateSync(this.#file.descriptor, 0);
    this.#fileBytes = 0;
  }

  /** A seq that the server has and a lost file does not: numbering goes on behind it. */
  raise(seq: number): void {
    this.#lastSeq = Math.max(this.#lastSeq, seq);
  }

  /** Nobody waits for what is in it. */
  remove(): void {
    const file = this.#file;
    this.#file = null;
    this.#entries = [];
    if (file !== null) this.#folder.release(file, this.#fileBytes);
  }
}

function frameOf(value: unknown): (SpoolKey & { readonly seq: number }) | null {
  if (typeof value !== 'object' || value === null) return null;
  const { run, attempt, seq } = value as Partial<Record<string, unknown>>;
  if (typeof run !== 'string' || !Number.isSafeInteger(attempt) || !Number.isSafeInteger(seq)) return null;
  return { run, attempt: Number(attempt), seq: Number(seq) };
}
