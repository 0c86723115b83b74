import fc from 'fast-check';
import { expect, test } from 'vitest';
import { openRunOutput } from '../../cli/run-output.ts';
import { stripControls } from '../../cli/strip-controls.ts';
import type { RunEvent } from '../../protocol/api/runs.ts';

type Output = Extract<RunEvent, { kind: 'output' }>;

function collect(raw: boolean) {
  const chunks: Buffer[] = [];
  const output = openRunOutput({ bytes: (bytes) => void chunks.push(Buffer.from(bytes)) }, raw);
  let seq = 0;
  return {
    write(bytes: Uint8Array, of: Partial<Output> = {}) {
      const base = {
        kind: 'output',
        seq: (seq += 1),
        at: 0,
        attempt: 1,
        operation: 'main',
        stream: 'stdout',
      } as const;
      output.write({ ...base, bytes: Buffer.from(bytes).toString('base64'), ...of });
    },
    end: output.end,
    bytes: () => Buffer.concat(chunks),
  };
}

test('characters and sequences that were cut anywhere are whole again', () => {
  const text = fc.string({
    unit: fc.constantFrom('é', '🚏', 'a', '\u001b[31m', '\u001b]0;x\u0007', '\r\n', '\r'),
  });
  fc.assert(
    fc.property(text, fc.array(fc.nat(5)), (whole, cuts) => {
      const output = collect(false);
      let rest = Buffer.from(whole);
      for (const cut of cuts) {
        output.write(rest.subarray(0, cut));
        rest = rest.subarray(cut);
      }
      output.write(rest);
      output.end();
      expect(output.bytes().toString()).toBe(stripControls(whole));
    }),
    { numRuns: 1_000, verbose: 1 },
  );
});

test('streams and operations do not run into each other in the middle of a character', () => {
  const output = collect(false);
  const [first, second] = [Buffer.from('é').subarray(0, 1), Buffer.from('é').subarray(1)];
  output.write(first, { stream: 'stdout' });
  output.write(Buffer.from('!'), { stream: 'stderr' });
  output.write(Buffer.from('?'), { operation: 'other' });
  output.write(second, { stream: 'stdout' });
  output.end();
  expect(output.bytes().toString()).toBe('!?é');
});

test('half a character at the very end is shown as what it is', () => {
  const output = collect(false);
  output.write(Buffer.from('é').subarray(0, 1));
  expect(output.bytes().length).toBe(0);
  output.end();
  expect(output.bytes().toString()).toBe('\ufffd');
});

test('raw is byte for byte', () => {
  fc.assert(
    fc.property(fc.array(fc.uint8Array()), (chunks) => {
      const output = collect(true);
      for (const chunk of chunks) output.write(chunk);
      output.end();
      expect(output.bytes()).toEqual(Buffer.concat(chunks));
    }),
  );
});
