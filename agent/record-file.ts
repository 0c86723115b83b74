// How journal and spool lie on the disk: records one after the other, each with a mark, its length and a checksum,
// so that a torn tail is told from a whole record, and reading goes on behind damaged bytes.
import { crc32 } from 'node:zlib';

/** Mark (2 bytes), length of the payload and CRC-32 over length and payload (4 bytes each, little endian). */
export const recordHeadBytes = 10;
const mark = Buffer.from([0x57, 0xa7]);

export function encodeRecord(payload: Uint8Array): Buffer {
  const bytes = Buffer.allocUnsafe(recordHeadBytes + payload.length);
  mark.copy(bytes, 0);
  bytes.writeUInt32LE(payload.length, 2);
  bytes.set(payload, recordHeadBytes);
  bytes.writeUInt32LE(checksum(bytes, recordHeadBytes + payload.length), 6);
  return bytes;
}

/** Bytes that belong to no whole record. */
export interface Damage {
  readonly offset: number;
  readonly bytes: number;
}

export interface ScannedRecord {
  readonly offset: number;
  /** Of the whole record, head included. */
  readonly bytes: number;
  readonly payload: Buffer;
}

export interface Scan {
  readonly records: readonly ScannedRecord[];
  /** Where the last whole record ends; what follows is `torn`. */
  readonly goodBytes: number;
  /** Bytes after the last whole record: what was being written when the power went, or damage at the very end. */
  readonly torn: number;
  /** Damage before the last whole record: never the trace of a crash, always of a fault of disk or hand. */
  readonly damage: readonly Damage[];
}

/** Reads all whole records. Never throws, whatever the bytes are. Payloads are views into `bytes`. */
export function scanRecords(bytes: Buffer, payloadBytesMax: number): Scan {
  const records: ScannedRecord[] = [];
  const damage: Damage[] = [];
  let goodBytes = 0;
  let at = bytes.indexOf(mark, 0);
  while (at !== -1) {
    const record = recordAt(bytes, at, payloadBytesMax);
    if (record === null) {
      at = bytes.indexOf(mark, at + 1);
      continue;
    }
    if (at > goodBytes) damage.push({ offset: goodBytes, bytes: at - goodBytes });
    records.push(record);
    goodBytes = at + record.bytes;
    at = bytes.indexOf(mark, goodBytes);
  }
  return { records, goodBytes, torn: bytes.length - goodBytes, damage };
}

function recordAt(bytes: Buffer, offset: number, payloadBytesMax: number): ScannedRecord | null {
  if (offset + recordHeadBytes > bytes.length) return null;
  const length = bytes.readUInt32LE(offset + 2);
  const end = offset + recordHeadBytes + length;
  if (length > payloadBytesMax || end > bytes.length) return null;
  const record = bytes.subarray(offset, end);
  if (record.readUInt32LE(6) !== checksum(record, record.length)) return null;
  return { offset, bytes: record.length, payload: record.subarray(recordHeadBytes) };
}

function checksum(record: Buffer, end: number): number {
  return crc32(record.subarray(recordHeadBytes, end), crc32(record.subarray(2, 6)));
}
