// Masks sensitive values in everything that leaves the agent (rules.md 26): streams of bytes across chunk
// boundaries, texts and structured values. Masking is hygiene, not a boundary; what it promises is in `MaskStream`.
import { Failure } from '../protocol/failures.ts';
import type { JsonValue } from '../protocol/json.ts';
import { maskStatesMax, secretCharactersMin } from '../protocol/limits.ts';
import { isMaskable, maskPatterns } from './mask-forms.ts';
import { buildAutomaton } from './mask-automaton.ts';
import type { Automaton } from './mask-automaton.ts';

/** What stands in the place of a secret, however long it was. */
export const maskText = '***';
const mask = Buffer.from(maskText);
const nothing = Buffer.alloc(0);

/** The secrets of one run. They only ever become more. */
export interface Masks {
  /**
   * Adds a secret in all its forms. Answers false when it has fewer than `secretCharactersMin` characters, and is
   * then not masked. Throws `evaluation_failed` when the secrets together are too much to look for.
   */
  register(secret: string): boolean;
  /** The text with every registered secret masked. Mask first, shorten afterwards. */
  text(text: string): string;
  /** The same in all strings, keys and numbers inside a JSON value. */
  json(value: JsonValue): JsonValue;
  /** Masks a stream with the secrets that are registered now. */
  stream(): MaskStream;
}

/**
 * Masks one stream. Its output depends on the bytes alone, not on where the chunks end: every byte that belongs to
 * an occurrence of a pattern is masked, and each unbroken row of such bytes becomes one `***`.
 *
 * What could still become a pattern is held back until the next bytes decide it, never released because time
 * passed: a prompt that ends in a secret's first letters waits, and no prefix of a secret leaks. At most
 * `patternBytesMax` bytes wait. Where the stream was cut off (the program was killed, a cap was reached), a held
 * beginning of a secret of `secretCharactersMin` bytes or more is masked too; else what was held is no secret.
 */
export interface MaskStream {
  /** What may be shown now; a view into `chunk` where nothing had to be masked. */
  push(chunk: Uint8Array): Uint8Array;
  /** What was held back. The stream is over, by itself or `cut` off. */
  end(options: { readonly cut: boolean }): Uint8Array;
}

export function createMasks(): Masks {
  const patterns = new Map<string, Buffer>();
  const known = new Set<string>();
  let bytes = 0;
  let automaton: Automaton | null = null;

  function register(secret: string): boolean {
    if (known.has(secret)) return true;
    if (!isMaskable(secret)) return false;
    known.add(secret);
    for (const pattern of maskPatterns(secret)) {
      const key = pattern.toString('latin1');
      if (patterns.has(key)) continue;
      patterns.set(key, pattern);
      bytes += pattern.length;
      automaton = null;
    }
    if (bytes > maskStatesMax) {
      throw new Failure(
        'evaluation_failed',
        'The sensitive values of this run are together too large to be masked. Read smaller secrets.',
      );
    }
    return true;
  }

  function stream(): MaskStream {
    if (patterns.size === 0) return { push: (chunk) => chunk, end: () => nothing };
    automaton ??= buildAutomaton([...patterns.values()]);
    return createStream(automaton);
  }

  function text(text: string): string {
    if (patterns.size === 0) return text;
    const masking = stream();
    return Buffer.concat([masking.push(Buffer.from(text)), masking.end({ cut: false })]).toString();
  }

  function json(value: JsonValue): JsonValue {
    if (patterns.size === 0) return value;
    if (typeof value === 'string') return text(value);
    if (typeof value === 'number' || JSON.isRawJSON(value)) {
      const digits = JSON.stringify(value);
      return text(digits) === digits ? value : maskText;
    }
    if (typeof value !== 'object' || value === null) return value;
    if (Array.isArray(value)) return (value as readonly JsonValue[]).map(json);
    return Object.fromEntries(Object.entries(value).map(([key, member]) => [text(key), json(member)]));
  }

  return { register, text, json, stream };
}

/** Covered ranges of the stream, by offsets from its beginning; only those that are not written yet are kept. */
interface Range {
  start: number;
  end: number;
}

function createStream(automaton: Automaton): MaskStream {
  const { longest, depth } = automaton;
  let state = 0;
  /** Offset of the first byte that has not been written, and the bytes from there on. */
  let written = 0;
  let held: Buffer = nothing;
  /** In order and apart; the first may have begun before `written`, and its mask has been written then. */
  let ranges: Range[] = [];

  function cover(start: number, end: number): void {
    let from = start;
    let last = ranges.at(-1);
    while (last !== undefined && last.end >= from) {
      from = Math.min(from, last.start);
      ranges.pop();
      last = ranges.at(-1);
    }
    ranges.push({ start: from, end });
  }

  /** Runs the automaton over `chunk`, which begins at `offset` of the stream. */
  function scan(chunk: Uint8Array, offset: number): void {
    const { rows, rowCount, classOf, classCount, step } = automaton;
    let at = state;
    for (let index = 0; index < chunk.length; index += 1) {
      const byte = chunk[index] as number;
      at = at < rowCount ? (rows[at * classCount + (classOf[byte] as number)] as number) : step(at, byte);
      const length = longest[at] as number;
      if (length !== 0) cover(offset + index + 1 - length, offset + index + 1);
    }
    state = at;
  }

  /** Writes everything before `limit`, which no later byte can change. */
  function write(limit: number): Uint8Array {
    const base = written;
    const parts: Uint8Array[] = [];
    for (const range of ranges) {
      if (range.start >= limit) break;
      if (range.start >= written) {
        if (range.start > written) parts.push(held.subarray(written - base, range.start - base));
        parts.push(mask);
      }
      written = Math.max(written, Math.min(range.end, limit));
    }
    if (written < limit) parts.push(held.subarray(written - base, limit - base));
    written = limit;
    held = held.subarray(limit - base);
    ranges = ranges.filter((range) => range.end >= limit);
    return parts.length === 1 ? (parts[0] ?? nothing) : Buffer.concat(parts);
  }

  function push(chunk: Uint8Array): Uint8Array {
    const offset = written + held.length;
    scan(chunk, offset);
    const view = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
    held = held.length === 0 ? view : Buffer.concat([held, view]);
    const out = write(offset + chunk.length - (depth[state] as number));
    // The caller may reuse its chunk; what is held back must be ours.
    held = Buffer.from(held);
    return out;
  }

  function end({ cut }: { readonly cut: boolean }): Uint8Array {
    const total = written + held.length;
    const open = depth[state] as number;
    if (cut && open >= secretCharactersMin) cover(total - open, total);
    return write(total);
  }

  return { push, end };
}
