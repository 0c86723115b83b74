// The spool and the stream of a run: nothing is lost, doubled or reordered between a process and a server that comes
// and goes, and memory stays bounded while nobody takes anything.
import { randomUUIDv7 } from 'node:crypto';
import { readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { systemClock } from '../../agent/clock.ts';
import { emptyOutcome } from '../../agent/decide/end.ts';
import { SpoolFolder } from '../../agent/spool.ts';
import { RunStream } from '../../agent/stream.ts';
import type { StreamOptions } from '../../agent/stream.ts';
import { parseAgentFrame } from '../../protocol/frames.ts';
import type { AgentFrame } from '../../protocol/frames.ts';
import { openFolder } from '../support/folder.ts';
import type { Folder } from '../support/folder.ts';

const clock = systemClock();
const done = emptyOutcome('succeeded', 'internal', '');

let folder: Folder;
let spools: SpoolFolder;
beforeEach(() => {
  folder = openFolder();
  spools = SpoolFolder.open(folder.path);
});
afterEach(() => {
  folder[Symbol.dispose]();
});

const files = (): readonly string[] => readdirSync(join(folder.path, 'spool'));

/** The other side: keeps what came, in order, and can be away. */
function createServer() {
  const frames: AgentFrame[] = [];
  return {
    frames,
    online: true,
    send(text: string): boolean {
      if (!this.online) return false;
      frames.push(parseAgentFrame(text));
      return true;
    },
    /** Everything that was printed, as it would be stored: by sequence number, each once. */
    stored(): string {
      const bySeq = new Map(frames.flatMap((frame) => ('seq' in frame ? [[frame.seq, frame]] : [])));
      return [...bySeq]
        .sort(([a], [b]) => a - b)
        .map(([, frame]) =>
          frame.type === 'output' ? Buffer.from(frame.bytes, 'base64').toString() : `<${frame.type}>`,
        )
        .join('');
    },
    seqs: (): readonly number[] => frames.flatMap((frame) => ('seq' in frame ? [frame.seq] : [])),
  };
}

function openStream(server: ReturnType<typeof createServer>, more: Partial<StreamOptions> = {}) {
  const key = { run: randomUUIDv7(), attempt: 1 };
  const spool = spools.create();
  const stream = new RunStream({ key, spool, clock, send: (text) => server.send(text), ...more });
  return { key, spool, stream };
}

function printed(text: string, operation = 'op'): Parameters<RunStream['output']>[0] {
  return { operation, stream: 'stdout', bytes: Buffer.from(text) };
}

describe('a stream', () => {
  test('sends the first bytes at once and then gathers what comes quickly', async () => {
    const server = createServer();
    const { stream } = openStream(server);
    stream.attach(0);
    await stream.output(printed('a'));
    await delay(20);
    expect(server.stored()).toBe('a');
    for (let count = 0; count < 50; count += 1) await stream.output(printed('b'));
    await delay(250);
    expect(server.stored()).toBe(`a${'b'.repeat(50)}`);
    expect(server.frames.length).toBeLessThanOrEqual(3);
    stream.close();
  });

  test('keeps the order of output, status and progress, whatever is gathered', async () => {
    const server = createServer();
    const { stream } = openStream(server);
    stream.attach(0);
    await stream.progress({ operation: 'op', kind: 'run', state: 'begun' });
    await stream.output(printed('one'));
    await stream.status({ operation: 'op', message: 'm', values: {}, status: null });
    await stream.output(printed('two'));
    await stream.progress({ operation: 'op', kind: 'run', state: 'succeeded', exitCode: 0, durationMs: 1 });
    expect(await stream.finish()).toBe(5);
    expect(server.stored()).toBe('<progress>one<status>two<progress>');
    expect(server.seqs()).toEqual([1, 2, 3, 4, 5]);
    stream.close();
  });

  test('splits what is larger than a frame may be, and parts the two streams', async () => {
    const server = createServer();
    const { stream } = openStream(server, { windowBytesMax: 10 * 1024 * 1024 });
    stream.attach(0);
    await stream.output(printed('x'.repeat(200_000)));
    await stream.output({ operation: 'op', stream: 'stderr', bytes: Buffer.from('err') });
    await stream.finish();
    expect(server.stored()).toBe(`${'x'.repeat(200_000)}err`);
    expect(server.frames.at(-1)).toMatchObject({ stream: 'stderr' });
    stream.close();
  });

  test('does not keep the memory of the process that printed', async () => {
    const server = createServer();
    const { stream } = openStream(server);
    stream.attach(0);
    const bytes = Buffer.from('first');
    await stream.output({ operation: 'op', stream: 'stdout', bytes });
    bytes.fill('!');
    await stream.finish();
    expect(server.stored()).toBe('first');
    stream.close();
  });

  test('has no more than the window on the wire until it is acknowledged', async () => {
    const server = createServer();
    const { stream } = openStream(server, { windowBytesMax: 100_000 });
    stream.attach(0);
    for (let count = 0; count < 10; count += 1) await stream.output(printed(`${count}`.repeat(60_000)));
    await stream.finish();
    expect(server.frames.length).toBeLessThan(4);
    for (let rounds = 0; rounds < 20 && server.frames.length < 10; rounds += 1) {
      stream.acknowledge(server.seqs().at(-1) ?? 0);
    }
    expect(server.seqs()).toEqual(Array.from({ length: server.frames.length }, (_, index) => index + 1));
    expect(server.stored()).toHaveLength(600_000);
    stream.close();
  });

  test('lets the process wait when the spool is full, and go on as soon as there is room (back-pressure)', async () => {
    const server = createServer();
    server.online = false;
    const { stream } = openStream(server, { spoolBytesMax: 300_000 });
    let written = 0;
    const writer = (async () => {
      for (let count = 0; count < 20; count += 1) {
        await stream.output(printed('y'.repeat(60_000)));
        written += 1;
      }
    })();
    await delay(100);
    expect(written).toBeLessThan(6);
    server.online = true;
    stream.attach(0);
    const server2 = setInterval(() => stream.acknowledge(server.seqs().at(-1) ?? 0), 5);
    await writer;
    await stream.finish();
    stream.acknowledge(server.seqs().at(-1) ?? 0);
    clearInterval(server2);
    expect(server.stored()).toHaveLength(20 * 60_000);
    stream.close();
  });

  test('cuts output at its cap, says how much, and reports the run as truncated', async () => {
    const server = createServer();
    const { stream } = openStream(server, { outputBytesMax: 10 });
    stream.attach(0);
    await stream.output(printed('0123456789abc'));
    await stream.output(printed('defg'));
    await stream.finish();
    expect(stream.cut).toBe(true);
    expect(server.stored()).toBe('0123456789wayside: 7 bytes of output were cut; a run may print 10.\n');
    stream.close();
  });

  test('sends the end only after everything before it, again after a reconnect, and until it is acknowledged', async () => {
    const server = createServer();
    const { stream } = openStream(server, { windowBytesMax: 50_000 });
    stream.attach(0);
    await stream.output(printed('z'.repeat(150_000)));
    await stream.finish();
    stream.end(done);
    expect(server.frames.some(({ type }) => type === 'end')).toBe(false);
    while (!server.frames.some(({ type }) => type === 'end')) stream.acknowledge(server.seqs().at(-1) ?? 0);
    expect(server.frames.at(-1)).toMatchObject({ type: 'end', last_seq: 3, outcome: { truncated: false } });
    stream.detach();
    stream.attach(3);
    expect(server.frames.filter(({ type }) => type === 'end')).toHaveLength(2);
    expect(server.seqs()).toEqual([1, 2, 3]);
    stream.close();
  });

  test('loses and doubles nothing over reconnects at any moment (property)', async () => {
    const step = fc.oneof(
      fc.record({ kind: fc.constant('print' as const), bytes: fc.integer({ min: 1, max: 3_000 }) }),
      fc.constant({ kind: 'cut' as const }),
      fc.record({ kind: fc.constant('reconnect' as const), behind: fc.nat({ max: 3 }) }),
      fc.constant({ kind: 'acknowledge' as const }),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 30 }), async (steps) => {
        const server = createServer();
        const { stream } = openStream(server, { windowBytesMax: 6_000 });
        stream.attach(0);
        let expected = '';
        let acknowledged = 0;
        for (const [index, each] of steps.entries()) {
          if (each.kind === 'print') {
            const text = String(index % 10).repeat(each.bytes);
            expected += text;
            await stream.output(printed(text, `op${index}`));
          } else if (each.kind === 'cut') server.online = false;
          else if (each.kind === 'reconnect') {
            server.online = true;
            stream.detach();
            const have = Math.max(acknowledged, Math.max(0, ...server.seqs()) - each.behind);
            acknowledged = have;
            stream.attach(have);
          } else {
            acknowledged = Math.max(acknowledged, ...server.seqs());
            if (server.online) stream.acknowledge(acknowledged);
          }
        }
        const last = await stream.finish();
        stream.end(done);
        server.online = true;
        stream.detach();
        stream.attach(acknowledged);
        for (let rounds = 0; rounds < 100; rounds += 1) stream.acknowledge(Math.max(0, ...server.seqs()));
        expect(server.stored()).toBe(expected);
        expect(server.frames.at(-1)).toMatchObject({
          type: 'end',
          last_seq: last,
          outcome: { truncated: false },
        });
        stream.remove();
        // Every run used the same file, if it said anything.
        expect(files().length).toBeLessThanOrEqual(1);
      }),
      { numRuns: 100 },
    );
  });
});

describe('a spool after the death of its process', () => {
  test('gives the new process what was not acknowledged', async () => {
    const server = createServer();
    server.online = false;
    const { key, stream } = openStream(server);
    await stream.output(printed('said before the kill'));
    await stream.progress({ operation: 'op', kind: 'run', state: 'succeeded' });
    // No orderly end of any kind: the file is all that is left.
    const later = SpoolFolder.open(folder.path);
    expect(later.has(key)).toBe(true);
    const spool = later.recover(key);
    server.online = true;
    const next = new RunStream({ key, spool, clock, send: (text) => server.send(text) });
    next.end(done);
    next.attach(0);
    expect(server.stored()).toBe('said before the kill<progress>');
    expect(server.frames.at(-1)).toMatchObject({ type: 'end', last_seq: 2, outcome: { truncated: false } });
    next.close();
    stream.close();
  });

  test('says that reports are missing where they are, and sends nothing behind the gap', async () => {
    const server = createServer();
    const { key, stream } = openStream(server);
    for (const text of ['one', 'two', 'three']) {
      await stream.output(printed(text, text));
    }
    await stream.finish();
    stream.close();
    const path = join(folder.path, 'spool', '0.spool');
    const bytes = readFileSync(path);
    bytes[Math.floor(bytes.length / 2)] = bytes[Math.floor(bytes.length / 2)]! ^ 1;
    writeFileSync(path, bytes);
    const next = new RunStream({
      key,
      spool: SpoolFolder.open(folder.path).recover(key),
      clock,
      send: (text) => server.send(text),
    });
    server.frames.length = 0;
    next.end(done);
    next.attach(0);
    expect(server.seqs()).toEqual([1]);
    expect(server.frames.at(-1)).toMatchObject({ type: 'end', last_seq: 3, outcome: { truncated: true } });
    await next.output(printed('later'));
    next.remove();
  });

  test('takes over what the server has beyond a lost file', () => {
    const server = createServer();
    const key = { run: randomUUIDv7(), attempt: 1 };
    const spool = spools.recover(key);
    spool.raise(2);
    const stream = new RunStream({ key, spool, clock, send: (text) => server.send(text) });
    stream.end({ ...done, truncated: true });
    stream.attach(7);
    expect(server.frames).toMatchObject([{ type: 'end', last_seq: 7 }]);
    stream.close();
  });

  test('knows whose frames are whose in files that were used again, and gives the rest to new runs', async () => {
    const server = createServer();
    const first = openStream(server);
    first.stream.attach(0);
    await first.stream.output(printed('of the first, longer than what follows'));
    await first.stream.finish();
    first.stream.remove();
    server.online = false;
    const second = openStream(server);
    await second.stream.output(printed('of the second'));
    await second.stream.finish();
    expect(files()).toEqual(['0.spool']);
    const later = SpoolFolder.open(folder.path);
    expect(later.has(second.key)).toBe(true);
    const next = new RunStream({
      key: second.key,
      spool: later.recover(second.key),
      clock,
      send: (text) => server.send(text),
    });
    later.settle();
    server.online = true;
    server.frames.length = 0;
    next.attach(0);
    expect(server.stored()).toBe('of the second');
    next.remove();
    const third = later.create();
    third.append(1, '{"run":"r","attempt":1,"seq":1}');
    expect(files()).toEqual(['0.spool']);
  });

  test('reads any bytes without an exception (fuzz)', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 2_000 }), (bytes) => {
        writeFileSync(join(folder.path, 'spool', '0.spool'), bytes);
        const read = SpoolFolder.open(folder.path);
        const spool = read.recover({ run: randomUUIDv7(), attempt: 1 });
        expect(spool.next(1)).toBe(null);
        spool.remove();
        read.settle();
        read.close();
      }),
    );
  });
});
