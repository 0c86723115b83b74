import { MessageChannel, receiveMessageOnPort } from 'node:worker_threads';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import type { Answer, Statement } from '../../../control-plane/store/sqlite/messages.ts';
import {
  packAnswers,
  packRequests,
  unpackAnswers,
  unpackRequests,
} from '../../../control-plane/store/sqlite/packing.ts';
import type { Packed } from '../../../control-plane/store/sqlite/messages.ts';
import { openKnownTexts, openLearntTexts } from '../../../control-plane/store/sqlite/texts.ts';

const value = fc.oneof(
  fc.string(),
  fc.double({ noNaN: true, noDefaultInfinity: true }),
  fc.bigInt(),
  fc.constant(null),
  fc.uint8Array(),
);
const guard = fc.record(
  { name: fc.string({ minLength: 1 }), exactly: fc.nat(), atLeast: fc.nat() },
  { requiredKeys: ['name'] },
);
const statement: fc.Arbitrary<Statement> = fc.record(
  { sql: fc.string(), parameters: fc.array(value), guard },
  { requiredKeys: ['sql', 'parameters'] },
) as never;
const row = fc
  .uniqueArray(fc.constantFrom('id', 'name', 'max(a, b)', '1', 'data', 'at'), { minLength: 1 })
  .chain((names) =>
    fc
      .array(fc.tuple(...names.map(() => value)), { maxLength: 4 })
      .map((rows) =>
        rows.map((values) => Object.fromEntries(values.map((each, index) => [names[index], each]))),
      ),
  );
const answer: fc.Arbitrary<Answer> = fc.oneof(
  fc.record({ results: fc.array(fc.record({ rows: row, changes: fc.nat() })) }),
  fc.record({ guard: fc.string() }),
  fc.record({
    failure: fc.record({
      code: fc.constant('store_failed' as const),
      message: fc.string(),
      details: fc.constant({ columns: ['a'], unknown: true }),
      cause: fc.string(),
    }),
  }),
) as never;
const numbered = <What>(what: fc.Arbitrary<What>) => fc.array(fc.tuple(fc.nat(), what), { maxLength: 5 });

/** As it comes out on the other side of a thread. */
function across(packed: Packed): Packed {
  const { port1, port2 } = new MessageChannel();
  port1.postMessage(packed);
  const received = receiveMessageOnPort(port2) as { readonly message: Packed };
  port1.close();
  return received.message;
}

it('requests arrive as they were sent, batch after batch (property)', () => {
  fc.assert(
    fc.property(fc.array(numbered(fc.array(statement, { maxLength: 4 })), { maxLength: 4 }), (batches) => {
      const [known, learnt] = [openKnownTexts(), openLearntTexts()];
      for (const batch of batches) {
        expect(unpackRequests(across(packRequests(batch, known)), learnt)).toEqual(batch);
      }
    }),
    { numRuns: 200 },
  );
});

it('answers arrive as they were sent, batch after batch (property)', () => {
  fc.assert(
    fc.property(fc.array(numbered(answer), { maxLength: 4 }), (batches) => {
      const [known, learnt] = [openKnownTexts(), openLearntTexts()];
      for (const batch of batches) {
        expect(unpackAnswers(across(packAnswers(batch, known)), learnt)).toEqual(batch);
      }
    }),
    { numRuns: 200 },
  );
});

it('a text crosses once', () => {
  const known = openKnownTexts();
  const request = [1, [{ sql: 'select 1', parameters: [] }]] as const;
  expect(packRequests([request, request], known).texts).toEqual(['select 1']);
  const again = packRequests([request], known);
  expect(again.texts).toEqual([]);
  expect(again.list).not.toContain('select 1');
});
