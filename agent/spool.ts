// What a run has said and nobody has acknowledged yet, on the disk, in one file per attempt: it survives a kill of
// the agent, so that after a restart nothing of it is missing at the server.
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
import { decodeJson } from './json-bytes.ts';
import { encodeRecord, scanRecords } from './record-file.ts';

/** One numbered frame: where it lies in the file. */
interface Entry {
  readonly seq: number;
  readonly offset: number;
  readonly bytes: number;
}

const headBytes = 10;

export class Spool {
  readonly #path: string;
  /** Opened at the first frame: a run that says nothing leaves no file. */
  #file: number | null = null;
  #exists = false;
  #fileBytes = 0;
  #entries: Entry[] = [];
  #lastSeq = 0;

  private constructor(path: string) {
    this.#path = path;
  }

  static create(folder: string, key: SpoolKey): Spool {
    return new Spool(join(folder, spoolFileName(key)));
  }

  /** Reads what an earlier process left. Damaged frames are missing, and nothing is thrown for them. */
  static recover(folder: string, key: SpoolKey): Spool {
    const spool = Spool.create(folder, key);
    let bytes: Buffer;
    try {
      bytes = readFileSync(spool.#path);
    } catch {
      return spool;
    }
    const scan = scanRecords(bytes, frameBytesMax);
    for (const record of scan.records) {
      const seq = seqOf(decodeJson(record.payload));
      if (seq === null || seq <= spool.#lastSeq) continue;
      spool.#entries.push({ seq, offset: record.offset + headBytes, bytes: record.payload.length });
      spool.#lastSeq = seq;
    }
    spool.#file = openSync(spool.#path, 'r+');
    spool.#exists = true;
    spool.#fileBytes = bytes.length;
    return spool;
  }

  /** Attempts that have a file in the folder. */
  static list(folder: string): readonly SpoolKey[] {
    return readdirSync(folder).flatMap((name) => {
      const match = /^([0-9a-f-]{36})\.(\d{1,7})\.spool$/.exec(name);
      return match === null ? [] : [{ run: match[1] ?? '', attempt: Number(match[2]) }];
    });
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
    this.#file ??= openSync(this.#path, 'w+', 0o600);
    this.#exists = true;
    let written = 0;
    while (written < record.length) {
      written += writeSync(this.#file, record, written, record.length - written, this.#fileBytes + written);
    }
    this.#entries.push({ seq, offset: this.#fileBytes + headBytes, bytes: payload.length });
    this.#fileBytes += record.length;
    this.#lastSeq = seq;
  }

  /** Null where the frame is not here: acknowledged, or lost with a crash. */
  read(seq: number): string | null {
    const first = this.#entries[0];
    if (first === undefined || this.#file === null) return null;
    const guess = this.#entries[seq - first.seq];
    const entry = guess?.seq === seq ? guess : this.#entries.find((candidate) => candidate.seq === seq);
    if (entry === undefined) return null;
    const bytes = Buffer.alloc(entry.bytes);
    readSync(this.#file, bytes, 0, entry.bytes, entry.offset);
    return bytes.toString('utf8');
  }

  /** The first frame at or after `seq` that is still here. */
  next(seq: number): number | null {
    const first = this.#entries[0];
    if (first === undefined) return null;
    if (seq <= first.seq) return first.seq;
    return this.#entries[seq - first.seq]?.seq === seq
      ? seq
      : (this.#entries.find((entry) => entry.seq >= seq)?.seq ?? null);
  }

  /** Everything up to `seq` is at the server. A large file begins anew as soon as nothing waits in it. */
  acknowledge(seq: number): void {
    const kept = this.#entries.findIndex((entry) => entry.seq > seq);
    this.#entries = kept === -1 ? [] : this.#entries.slice(kept);
    if (this.#entries.length > 0 || this.#file === null || this.#fileBytes < outputFlushBytesMax) return;
    ftruncateSync(this.#file, 0);
    this.#fileBytes = 0;
  }

  /** A seq that the server has and a lost file does not: numbering goes on behind it. */
  raise(seq: number): void {
    this.#lastSeq = Math.max(this.#lastSeq, seq);
  }

  /** Keeps the file. */
  close(): void {
    if (this.#file !== null) closeSync(this.#file);
    this.#file = null;
  }

  remove(): void {
    this.close();
    this.#entries = [];
    if (this.#exists) unlinkSync(this.#path);
    this.#exists = false;
  }
}

export interface SpoolKey {
  readonly run: string;
  readonly attempt: number;
}

/** Name of the file in the folder of the spools. */
export function spoolFileName({ run, attempt }: SpoolKey): string {
  return `${run}.${attempt}.spool`;
}

function seqOf(value: unknown): number | null {
  const seq = typeof value === 'object' && value !== null && 'seq' in value ? value.seq : null;
  return typeof seq === 'number' && Number.isSafeInteger(seq) && seq > 0 ? seq : null;
}

/** Makes the folder of the spools, for this user alone. */
export function openSpoolFolder(stateFolder: string): string {
  const folder = join(stateFolder, 'spool');
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  return folder;
}
