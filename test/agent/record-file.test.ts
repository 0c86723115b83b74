// Records on the disk: what was written comes back, and damage never hides what is whole behind it.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { encodeRecord, scanRecords } from '../../agent/record-file.ts';

const payloadMax = 10_000;
const payloads = fc.array(fc.uint8Array({ maxLength: 200 }), { minLength: 1, maxLength: 30 });

function fileOf(records: readonly Uint8Array[]): {
  readonly bytes: Buffer;
  readonly ends: readonly number[];
} {
  const encoded = records.map((payload) => encodeRecord(payload));
  let end = 0;
  const ends = encoded.map((record) => (end += record.length));
  return { bytes: Buffer.concat(encoded), ends };
}

function texts(bytes: Buffer): readonly string[] {
  return scanRecords(bytes, payloadMax).records.map(({ payload }) => payload.toString('hex'));
}

describe('a file of records', () => {
  test('gives back every record that was written', () => {
    fc.assert(
      fc.property(payloads, (records) => {
        const { bytes } = fileOf(records);
        expect(texts(bytes)).toEqual(records.map((payload) => Buffer.from(payload).toString('hex')));
        expect(scanRecords(bytes, payloadMax)).toMatchObject({
          goodBytes: bytes.length,
          torn: 0,
          damage: [],
        });
      }),
    );
  });

  test('that was cut anywhere keeps all records before the cut and calls the rest torn', () => {
    fc.assert(
      fc.property(payloads, fc.nat(), (records, at) => {
        const { bytes, ends } = fileOf(records);
        const cut = at % (bytes.length + 1);
        const scan = scanRecords(bytes.subarray(0, cut), payloadMax);
        const whole = ends.filter((end) => end <= cut).length;
        expect(scan.records).toHaveLength(whole);
        expect(scan.goodBytes + scan.torn).toBe(cut);
        expect(scan.damage).toEqual([]);
      }),
    );
  });

  test('with a flipped bit loses the one record that it hit and no other', () => {
    fc.assert(
      fc.property(payloads, fc.nat(), fc.nat({ max: 7 }), (records, at, bit) => {
        const { bytes, ends } = fileOf(records);
        const position = at % bytes.length;
        const damaged = Buffer.from(bytes);
        damaged[position] = (damaged[position] ?? 0) ^ (1 << bit);
        const hit = ends.findIndex((end) => position < end);
        const expected = records
          .filter((_, index) => index !== hit)
          .map((p) => Buffer.from(p).toString('hex'));
        expect(texts(damaged)).toEqual(expected);
        const scan = scanRecords(damaged, payloadMax);
        if (hit === records.length - 1) expect(scan.torn).toBeGreaterThan(0);
        else expect(scan.damage).toHaveLength(1);
      }),
    );
  });

  test('of arbitrary bytes is read without an exception', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 5_000 }), (bytes) => {
        const scan = scanRecords(Buffer.from(bytes), payloadMax);
        expect(scan.goodBytes).toBeLessThanOrEqual(bytes.length);
      }),
    );
  });

  test('does not believe a length beyond the limit', () => {
    const { bytes } = fileOf([new Uint8Array(500)]);
    expect(scanRecords(bytes, 499).records).toEqual([]);
  });
});
