// JSON as bytes, for what the agent keeps on its disk; reading never throws, because a disk can hold anything.
import { parseJson, stringifyJson } from '../protocol/json.ts';

export function encodeJson(value: unknown): Uint8Array {
  return Buffer.from(stringifyJson(value), 'utf8');
}

/** Undefined for bytes that are not JSON. */
export function decodeJson(bytes: Uint8Array): unknown {
  try {
    return parseJson(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8'));
  } catch {
    return undefined;
  }
}
