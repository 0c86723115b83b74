// The journal: what it says is durable is there after any death, what is damaged is told, and nothing is invented.
import { spawn } from 'node:child_process';
import { randomUUIDv7 } from 'node:crypto';
import { existsSync, readFileSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { systemClock } from '../../agent/clock.ts';
import { noFaults } from '../../agent/fault.ts';
import { Journal } from '../../agent/journal.ts';
import type { JournalOptions } from '../../agent/journal.ts';
import { JournalFold } from '../../agent/journal-records.ts';
import type { JournalRecord } from '../../agent/journal-records.ts';
import { encodeRecord, scanRecords } from '../../agent/record-file.ts';
import { emptyOutcome } from '../../agent/decide/end.ts';
import { replaySetMsMin } from '../../protocol/limits.ts';
import { openFolder } from '../support/folder.ts';

const digest = `sha256:${'a'.repeat(64)}`;

function options(folder: string, more: Partial<JournalOptions> = {}): JournalOptions {
  return {
    folder,
    clock: systemClock(),
    faultPoint: noFaults,
    fatal: (failure) => {
      throw failure;
    },
    ...more,
  };
}

function accepted(run: string, attempt = 1): JournalRecord {
  return { type: 'accepted', run, attempt, at: 1, action: 'prod/promote', digest, idempotent: false };
}
function begun(run: string, attempt = 1): JournalRecord {
  return { type: 'begun', run, attempt, at: 2 };
}
function ended(run: string, attempt = 1, result: 'succeeded' | 'failed' = 'succeeded'): JournalRecord {
  return {
    type: 'ended',
    run,
    attempt,
    at: 3,
    outcome: emptyOutcome(result, 'exit_status', ''),
    last_seq: 4,
  };
}
function past(run: string, attempt = 1, at = Date.now()): JournalRecord {
  return { type: 'past', run, attempt, at, verdict: 'succeeded' };
}

async function reopened(folder: string): Promise<Journal> {
  const journal = await Journal.open(options(folder));
  await journal.close();
  return journal;
}

describe('the journal', () => {
  test('remembers accepted, begun and ended runs over a restart, and what was started for them', async () => {
    using folder = openFolder();
    const [waiting, going, done] = [randomUUIDv7(), randomUUIDv7(), randomUUIDv7()];
    const first = await Journal.open(options(folder.path));
    for (const run of [waiting, going, done]) await first.append(accepted(run));
    await first.append(begun(going));
    await first.append({
      type: 'spawned',
      run: going,
      attempt: 1,
      operation: 'build',
      pid: 10,
      group: 10,
      start_time: '77',
      container: null,
      boot_id: 'b',
    });
    await first.append(begun(done));
    await first.append(ended(done));
    await first.close();

    const { fold } = await reopened(folder.path);
    expect(fold.runs.get(`${waiting}/1`)).toMatchObject({
      state: 'accepted',
      action: 'prod/promote',
      digest,
    });
    expect(fold.runs.get(`${going}/1`)).toMatchObject({
      state: 'begun',
      spawned: [{ pid: 10, start_time: '77' }],
    });
    expect(fold.runs.get(`${done}/1`)).toMatchObject({
      state: 'ended',
      lastSeq: 4,
      outcome: { result: 'succeeded' },
    });
  });

  test('keeps the signed intent from the acceptance on, also of runs that are past and after it was rewritten', async () => {
    using folder = openFolder();
    const [going, over, refused] = [randomUUIDv7(), randomUUIDv7(), randomUUIDv7()];
    const journal = await Journal.open({ ...options(folder.path), compactBytesMin: 1 });
    for (const run of [going, over, refused]) {
      await journal.append({ ...accepted(run), intent: `signed.${run}` } as JournalRecord);
    }
    // Accepted once more, after a pause: the record adds nothing to the first.
    await journal.append(accepted(going));
    await journal.append(begun(over));
    await journal.append(ended(over));
    await journal.append(past(over));
    await journal.append(past(refused));
    await journal.close();
    for (let time = 0; time < 2; time += 1) {
      const again = await Journal.open({ ...options(folder.path), compactBytesMin: 1 });
      for (let count = 0; count < 3; count += 1) await again.append({ type: 'probe' });
      await again.close();
      const { fold } = await reopened(folder.path);
      expect(fold.runs.get(`${going}/1`)?.intent).toBe(`signed.${going}`);
      expect(
        [...fold.kept].map(([run]) => run),
        'without an outcome there is nothing to tell',
      ).toEqual([over]);
      expect(fold.kept.get(over)).toMatchObject({
        intent: `signed.${over}`,
        attempt: 1,
        outcome: { result: 'succeeded' },
        endedAt: 3,
        lastSeq: 4,
      });
    }
  });

  test('keeps the first outcome of a run, whatever is written behind it', async () => {
    using folder = openFolder();
    const run = randomUUIDv7();
    const journal = await Journal.open(options(folder.path));
    for (const record of [accepted(run), begun(run), ended(run, 1, 'failed'), ended(run, 1, 'succeeded')]) {
      await journal.append(record);
    }
    await journal.close();
    const { fold } = await reopened(folder.path);
    expect(fold.runs.get(`${run}/1`)?.outcome?.result).toBe('failed');
  });

  test('keeps the highest attempt of a past run as replay set, and nothing that comes late about it', async () => {
    using folder = openFolder();
    const run = randomUUIDv7();
    const journal = await Journal.open(options(folder.path));
    await journal.append(past(run, 3));
    await journal.append(past(run, 2));
    await journal.append(accepted(run, 2));
    await journal.append(begun(run, 3));
    await journal.close();
    const { fold } = await reopened(folder.path);
    expect(fold.past.get(run)?.attempt).toBe(3);
    expect([...fold.runs.keys()]).toEqual([]);
  });

  test('has a note in the file when it says so, and counts it when the next record has taken it to the disk', async () => {
    using folder = openFolder();
    const [first, second] = [randomUUIDv7(), randomUUIDv7()];
    let flushes = 0;
    const faultPoint = (name: string): void => {
      if (name === 'journal.flushed') flushes += 1;
    };
    const journal = await Journal.open(options(folder.path, { faultPoint }));
    const { counter } = journal;
    flushes = 0;
    await journal.note(accepted(first));
    const { records } = scanRecords(readFileSync(join(folder.path, 'journal.log')), 1_000_000);
    expect(records.at(-1)?.payload.toString()).toContain(first);
    expect([journal.counter, flushes]).toEqual([counter, 0]);
    await journal.append(begun(second));
    expect(journal.counter).toBe(counter + 2);
    expect(flushes).toBe(1);
    await journal.close();
    expect((await reopened(folder.path)).fold.runs.get(`${first}/1`)?.state).toBe('accepted');
  });

  test('counts its records and never goes back, also not over restarts and compaction', async () => {
    using folder = openFolder();
    let last = 0;
    for (let round = 0; round < 4; round += 1) {
      const journal = await Journal.open(options(folder.path, { compactBytesMin: 500 }));
      expect(journal.counter).toBeGreaterThan(last);
      for (let count = 0; count < 20; count += 1) {
        const run = randomUUIDv7();
        await journal.append(accepted(run));
        await journal.append(past(run, 1));
      }
      expect(journal.counter).toBeGreaterThanOrEqual(last + 40);
      last = journal.counter;
      await journal.close();
    }
  });

  test('is rewritten when it is mostly dead, keeps what lives and the replay set, and drops what is old enough', async () => {
    using folder = openFolder();
    const [alive, recent, old] = [randomUUIDv7(), randomUUIDv7(), randomUUIDv7()];
    const journal = await Journal.open(options(folder.path, { compactBytesMin: 4_000 }));
    await journal.append(accepted(alive));
    await journal.append(begun(alive));
    await journal.append(past(old, 1, Date.now() - replaySetMsMin - 1_000));
    await journal.append(past(recent, 2));
    let largest = 0;
    for (let count = 0; count < 300; count += 1) {
      await journal.append({ type: 'probe' });
      largest = Math.max(largest, statSync(join(folder.path, 'journal.log')).size);
    }
    expect(largest).toBeLessThan(8_000);
    await journal.close();
    const { fold } = await reopened(folder.path);
    expect(fold.runs.get(`${alive}/1`)?.state).toBe('begun');
    expect(fold.past.get(recent)?.attempt).toBe(2);
    expect(fold.past.has(old)).toBe(false);
  });

  test('lets records that come together share one flush', async () => {
    using folder = openFolder();
    let flushes = 0;
    const journal = await Journal.open(
      options(folder.path, { faultPoint: (name) => (flushes += name === 'journal.flushed' ? 1 : 0) }),
    );
    flushes = 0;
    await Promise.all(Array.from({ length: 500 }, () => journal.append(accepted(randomUUIDv7()))));
    expect(flushes).toBeLessThan(5);
    await journal.close();
  });

  test('refuses to be a journal that it cannot read', async () => {
    await expect(Journal.open(options('/proc/nowhere'))).rejects.toMatchObject({ code: 'state_unusable' });
  });
});

describe('a journal that was damaged', () => {
  test('keeps a copy, tells where, and goes on with a whole file', async () => {
    using folder = openFolder();
    const runs = Array.from({ length: 5 }, () => randomUUIDv7());
    const journal = await Journal.open(options(folder.path));
    for (const run of runs) await journal.append(accepted(run));
    const counter = journal.counter;
    await journal.close();
    const path = join(folder.path, 'journal.log');
    const bytes = readFileSync(path);
    bytes[Math.floor(bytes.length / 2)] = (bytes[Math.floor(bytes.length / 2)] ?? 0) ^ 0xff;
    writeFileSync(path, bytes);

    const mended = await Journal.open(options(folder.path));
    expect(mended.report.damage).toHaveLength(1);
    expect(mended.fold.runs.size).toBe(4);
    expect(mended.counter).toBeGreaterThan(counter);
    expect(existsSync(mended.report.kept ?? '')).toBe(true);
    await mended.close();
    expect((await reopened(folder.path)).report).toMatchObject({ damage: [], torn: 0 });
  });

  test('is opened without an exception and loses no whole `begun`, whatever is cut and flipped (fuzz)', async () => {
    const history = fc.array(fc.record({ run: fc.nat({ max: 9 }), upTo: fc.integer({ min: 1, max: 3 }) }), {
      minLength: 1,
      maxLength: 12,
    });
    const flips = fc.array(fc.record({ at: fc.nat(), bit: fc.nat({ max: 7 }) }), { maxLength: 4 });
    await fc.assert(
      fc.asyncProperty(history, flips, fc.option(fc.nat()), async (steps, damage, cut) => {
        using folder = openFolder();
        const ids = Array.from({ length: 10 }, () => randomUUIDv7());
        const records = steps.flatMap(({ run, upTo }) =>
          [accepted(ids[run]!), begun(ids[run]!), ended(ids[run]!)].slice(0, upTo),
        );
        // No `accepted` of a run after its `begun`: that pair means something else (a go that was too old).
        const seen = new Set<string>();
        const sound = records.filter((record) => {
          const key = `${record.type}${'run' in record ? record.run : ''}`;
          return seen.has(key) ? false : Boolean(seen.add(key));
        });
        let bytes = Buffer.concat(sound.map((record) => encodeRecord(Buffer.from(JSON.stringify(record)))));
        for (const { at, bit } of damage) bytes[at % bytes.length] = bytes[at % bytes.length]! ^ (1 << bit);
        if (cut !== null) bytes = bytes.subarray(0, cut % (bytes.length + 1));
        writeFileSync(join(folder.path, 'journal.log'), bytes);

        const whole = scanRecords(bytes, 100_000).records.map(
          ({ payload }) => JSON.parse(payload.toString('utf8')) as JournalRecord,
        );
        const journal = await Journal.open(options(folder.path));
        for (const record of whole) {
          if (record.type !== 'begun') continue;
          expect(['begun', 'ended']).toContain(journal.fold.runs.get(`${record.run}/1`)?.state);
        }
        await journal.append(accepted(randomUUIDv7()));
        await journal.close();
        expect((await reopened(folder.path)).report).toMatchObject({ damage: [], torn: 0 });
      }),
      { numRuns: 150 },
    );
  });

  test('says the same after being folded twice, also when the second time is cut short (property)', () => {
    const runs = ['0197a0c0-0000-7000-8000-000000000001', '0197a0c0-0000-7000-8000-000000000002'];
    const record = fc.oneof(
      fc.constantFrom(...runs).map((run) => begun(run)),
      fc.constantFrom(...runs).map((run) => ended(run)),
      fc.constantFrom(...runs).map((run) => past(run, 1, 5)),
    );
    fc.assert(
      fc.property(fc.array(record, { maxLength: 20 }), (records) => {
        const once = new JournalFold();
        for (const each of records) once.apply(each);
        const again = new JournalFold();
        for (const each of once.compact(0)) again.apply(each);
        for (const each of records) again.apply(each);
        expect([...again.runs.keys()].sort()).toEqual([...once.runs.keys()].sort());
        for (const [key, run] of once.runs) expect(again.runs.get(key)?.state).toBe(run.state);
        expect([...again.past.keys()].sort()).toEqual([...once.past.keys()].sort());
      }),
    );
  });
});

interface Written {
  readonly lines: readonly string[];
  readonly code: number | null;
}

/** Runs the writer until `stop` says so, then kills it as the kernel does. */
function writeUntil(
  folder: string,
  {
    stop,
    env = {},
    shell = null,
  }: {
    readonly stop: (lines: number) => boolean;
    readonly env?: Record<string, string>;
    readonly shell?: string | null;
  },
): Promise<Written> {
  const program = new URL('programs/journal-writer.ts', import.meta.url).pathname;
  const argv = [program, folder, '8'];
  const child =
    shell === null
      ? spawn(process.execPath, argv, { env: { ...process.env, ...env } })
      : spawn('sh', ['-c', `${shell}; exec "$0" "$@"`, process.execPath, ...argv], {
          env: { ...process.env, ...env },
        });
  let text = '';
  let count = 0;
  return new Promise((resolve) => {
    child.stdout.on('data', (chunk: Buffer) => {
      text += chunk.toString('utf8');
      count += chunk.toString('utf8').split('\n').length - 1;
      if (stop(count)) child.kill('SIGKILL');
    });
    child.on('close', (code) => {
      resolve({ lines: text.split('\n').slice(0, -1), code });
    });
  });
}

async function expectDurable(folder: string, { lines }: Written): Promise<Journal> {
  const journal = await reopened(folder);
  expect(journal.report.damage).toEqual([]);
  for (const line of lines) {
    const [what, run = '', counter = ''] = line.split(' ');
    if (what === 'begun') expect(journal.fold.runs.get(`${run}/1`)?.state).toBe('begun');
    if (what === 'accepted') expect(journal.fold.runs.has(`${run}/1`)).toBe(true);
    if (what === 'accepted' || what === 'begun')
      expect(journal.counter).toBeGreaterThanOrEqual(Number(counter));
  }
  return journal;
}

describe('a process that is killed while it writes', () => {
  test('has on the disk all that it said was durable, at random moments', async () => {
    using folder = openFolder();
    for (let trial = 0; trial < 5; trial += 1) {
      const limit = 20 + Math.floor(Math.random() * 400);
      const written = await writeUntil(folder.path, { stop: (lines) => lines >= limit });
      expect(written.lines.length).toBeGreaterThan(10);
      await expectDurable(folder.path, written);
    }
  });

  test.each(['journal.written:30', 'journal.flushed:30', 'journal.compacted:2'])(
    'loses nothing when it dies at %s',
    async (fault) => {
      using folder = openFolder();
      const written = await writeUntil(folder.path, {
        stop: () => false,
        env: { WAYSIDE_TEST_FAULT: fault },
      });
      expect(written.code).toBe(null);
      await expectDurable(folder.path, written);
    },
  );

  test('refuses with disk_full when a file may not grow, and leaves no half record behind', async () => {
    using folder = openFolder();
    // The limit is on the size of a file (getrlimit(2), RLIMIT_FSIZE): writing beyond it fails as on a full disk.
    const written = await writeUntil(folder.path, { stop: () => false, shell: 'ulimit -f 8' });
    expect(written.lines.at(-1)).toBe('failed disk_full');
    const journal = await expectDurable(folder.path, written);
    expect(journal.report.torn).toBe(0);
    expect(readdirSync(folder.path).filter((name) => name.includes('damaged'))).toEqual([]);
  });
});
