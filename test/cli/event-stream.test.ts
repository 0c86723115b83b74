import fc from 'fast-check';
import { expect, test } from 'vitest';
import { readEventStream } from '../../cli/event-stream.ts';
import type { ReceivedEvent } from '../../cli/event-stream.ts';

async function read(chunks: Iterable<Uint8Array>): Promise<ReceivedEvent[]> {
  async function* source() {
    yield* chunks;
  }
  return Array.fromAsync(readEventStream(source()));
}

const readText = (text: string) => read([Buffer.from(text)]);

const line = fc.string({ unit: 'grapheme', maxLength: 30 }).filter((text) => !/[\r\n\0]/.test(text));
const events = fc.array(
  fc.record({
    id: line,
    event: line.filter((text) => text !== ''),
    data: fc.array(line, { minLength: 1, maxLength: 3 }).map((lines) => lines.join('\n')),
    comment: fc.option(line),
  }),
  { maxLength: 8 },
);
const lineEnd = fc.constantFrom('\n', '\r\n', '\r');

test('every event comes once and whole, however its bytes are cut and its lines end', async () => {
  await fc.assert(
    fc.asyncProperty(events, lineEnd, fc.array(fc.integer({ min: 1, max: 9 })), async (list, end, cuts) => {
      const text = list
        .map(({ id, event, data, comment }) =>
          [
            ...(comment === null ? [] : [`:${comment}`]),
            `id: ${id}`,
            `event: ${event}`,
            ...data.split('\n').map((each) => `data: ${each}`),
            '',
            '',
          ].join(end),
        )
        .join('');
      const bytes = Buffer.from(text);
      const chunks: Uint8Array[] = [];
      let at = 0;
      for (const cut of cuts) chunks.push(bytes.subarray(at, (at += cut)));
      chunks.push(bytes.subarray(at));
      expect(await read(chunks)).toEqual(list.map(({ id, event, data }) => ({ id, event, data })));
    }),
    { numRuns: 500, verbose: 1 },
  );
});

test('no bytes make it throw', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.uint8Array({ maxLength: 50 })), async (chunks) => {
      await expect(read(chunks)).resolves.toBeInstanceOf(Array);
    }),
  );
});

test('follows the standard in its corners', async () => {
  const message = { id: '', event: 'message' };
  expect(await readText('data: unfinished')).toEqual([]);
  expect(await readText('data: unfinished\n')).toEqual([]);
  expect(await readText('event: empty\nid: 1\n\n')).toEqual([]);
  expect(await readText('data\n\n')).toEqual([{ ...message, data: '' }]);
  expect(await readText('data:a\ndata:  b\n\n')).toEqual([{ ...message, data: 'a\n b' }]);
  expect(await readText('id: 1\ndata: a\n\ndata: b\n\nid\ndata: c\n\n')).toEqual([
    { id: '1', event: 'message', data: 'a' },
    { id: '1', event: 'message', data: 'b' },
    { id: '', event: 'message', data: 'c' },
  ]);
  expect(await readText('event: x\ndata: a\n\ndata: b\n\n')).toEqual([
    { id: '', event: 'x', data: 'a' },
    { ...message, data: 'b' },
  ]);
  expect(await readText('\u{feff}data: a\n\n')).toEqual([{ ...message, data: 'a' }]);
  expect(await readText(': comment\nretry: 5\nnonsense\ndata: a\n\n')).toEqual([{ ...message, data: 'a' }]);
});
