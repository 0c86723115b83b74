// Reads the body of an answer within limits, on the wire and unpacked: a few kilobytes of gzip can be a gigabyte.
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createBrotliDecompress, createGunzip, createInflate, createZstdDecompress } from 'node:zlib';
import { Failure } from '../../../protocol/failures.ts';
import { responseBodyKeptBytesMax } from '../../../protocol/limits.ts';

/** By content coding (RFC 9110, section 8.4.1; RFC 7932; RFC 8878). */
const decoders: ReadonlyMap<string, () => NodeJS.ReadWriteStream> = new Map<
  string,
  () => NodeJS.ReadWriteStream
>([
  ['gzip', () => createGunzip()],
  ['x-gzip', () => createGunzip()],
  ['deflate', () => createInflate()],
  ['br', () => createBrotliDecompress()],
  ['zstd', () => createZstdDecompress()],
]);

export interface BodyOptions {
  /** The value of Content-Encoding; empty for none. A coding that is not known is left as it is. */
  readonly encoding: string;
  /** Of the bytes on the wire, and of the unpacked ones. */
  readonly bytesMax: number;
  /** Gets the unpacked bytes as they come; more is read when it resolves. */
  readonly take: (chunk: Uint8Array) => Promise<void>;
}

/**
 * Answers the beginning of the body, up to `responseBodyKeptBytesMax`. Throws `response_too_large`, or `http_failed`
 * for what cannot be unpacked.
 */
export async function readBody(body: AsyncIterable<Uint8Array>, options: BodyOptions): Promise<Uint8Array> {
  const { encoding, bytesMax, take } = options;
  const kept: Uint8Array[] = [];
  let room = responseBodyKeptBytesMax;
  const sink = async (source: AsyncIterable<Uint8Array>): Promise<void> => {
    for await (const chunk of limited(source, bytesMax)) {
      const part = chunk.subarray(0, room);
      if (part.length > 0) kept.push(Uint8Array.from(part));
      room -= part.length;
      await take(chunk);
    }
  };
  const decoder = decoders.get(encoding.trim().toLowerCase());
  const source = Readable.from(limited(body, bytesMax), { objectMode: false });
  try {
    if (decoder === undefined) await pipeline(source, sink);
    else await pipeline(source, decoder(), sink);
  } catch (cause) {
    throw isDecoding(cause)
      ? new Failure('http_failed', `The answer could not be unpacked (${encoding}).`, { cause })
      : cause;
  }
  return Buffer.concat(kept);
}

async function* limited(source: AsyncIterable<Uint8Array>, bytesMax: number): AsyncGenerator<Uint8Array> {
  let bytes = 0;
  for await (const chunk of source) {
    bytes += chunk.length;
    if (bytes > bytesMax) {
      throw new Failure(
        'response_too_large',
        `The answer is larger than ${bytesMax} bytes; max_response in the http block allows more.`,
      );
    }
    yield chunk;
  }
}

/** The codes of zlib, brotli and zstd as Node reports them. */
function isDecoding(error: unknown): boolean {
  return /^(?:Z_|ERR_*BR|ERR__ERROR|ZSTD_)/.test((error as NodeJS.ErrnoException).code ?? '');
}
