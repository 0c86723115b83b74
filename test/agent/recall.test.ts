// What an agent can still show of runs that the server has lost: the newest past ones, of the lives that are asked for.
import { randomUUIDv7 } from 'node:crypto';
import { base64url } from 'jose';
import { describe, expect, test } from 'vitest';
import { emptyOutcome } from '../../agent/decide/end.ts';
import { JournalFold } from '../../agent/journal-records.ts';
import { Recall, showableRuns, showInHand, storeIncarnationOf } from '../../agent/recall.ts';
import { newRun } from '../../agent/work-state.ts';
import { encodeFrame, parseAgentFrame } from '../../protocol/frames.ts';
import { keptIntentsMax, pastRunsMax } from '../../protocol/limits.ts';

const [old, current] = [randomUUIDv7(), randomUUIDv7()];
const intentOf = (life: string) =>
  `e30.${base64url.encode(JSON.stringify({ store_incarnation: life }))}.c2ln`;
const outcome = emptyOutcome('succeeded', 'internal', '');

function fold(lives: readonly string[], options: { readonly over?: boolean } = {}) {
  const journal = new JournalFold();
  const runs = lives.map((life) => {
    const run = { run: randomUUIDv7() as string, attempt: 1 };
    const action = { action: 'g/o', digest: '', idempotent: false };
    journal.apply({ type: 'accepted', ...run, at: 1, ...action, intent: intentOf(life) });
    journal.apply({ type: 'begun', ...run, at: 2 });
    if (options.over === false) return run;
    journal.apply({ type: 'ended', ...run, at: 3, outcome, last_seq: 7 });
    journal.apply({ type: 'past', ...run, at: 4, verdict: 'succeeded' });
    return run;
  });
  return { journal, runs };
}

describe('the recall of past runs', () => {
  test('names those of earlier lives, a few at a time, and shows what was kept', () => {
    const many = pastRunsMax + 3;
    const { journal, runs } = fold([...Array<string>(many).fill(old), current]);
    const recall = new Recall(journal);
    expect(recall.begin(current, [old])).toEqual({ type: 'past', runs: runs.slice(0, pastRunsMax) });
    expect(recall.next()).toEqual({ type: 'past', runs: runs.slice(pastRunsMax, many) });
    expect(recall.next()).toBeNull();
    expect(recall.begin(current, [old]), 'once for each life of the store').toBeNull();
    expect(recall.begin(randomUUIDv7(), [current, old])).not.toBeNull();
    const shown = recall.show(runs[0]!);
    expect(shown).toMatchObject({
      intent: intentOf(old),
      state: 'ended',
      acked_seq: 7,
      begun_at: 2,
      ended_at: 3,
    });
    expect(parseAgentFrame(encodeFrame(shown!))).toEqual(shown);
    expect(recall.show({ ...runs[0]!, attempt: 2 })).toBeNull();
    expect(recall.show({ run: randomUUIDv7(), attempt: 1 })).toBeNull();
  });

  test('begins anew on a new connection where it was not gone through', () => {
    const { journal } = fold(Array<string>(pastRunsMax + 1).fill(old));
    const recall = new Recall(journal);
    const first = recall.begin(current, [old]);
    expect(recall.begin(current, [old])).toEqual(first);
  });

  test('knows the newest of them, and not without end', () => {
    const { journal, runs } = fold(Array<string>(keptIntentsMax + 2).fill(old));
    expect(journal.kept.size).toBeLessThanOrEqual(keptIntentsMax);
    expect(journal.kept.size).toBeGreaterThanOrEqual(keptIntentsMax / 2);
    const kept = [...journal.kept].map(([run]) => run);
    expect(kept).toEqual(runs.slice(-kept.length).map(({ run }) => run));
  });
});

describe('runs in hand', () => {
  test('can be shown where their intents are of an earlier life', () => {
    const { journal, runs } = fold([old, current], { over: false });
    const [key = '', other = ''] = runs.map(({ run }) => `${run}/1`);
    expect([...showableRuns(journal, [old])]).toEqual([key]);
    expect([...showableRuns(journal, [])]).toEqual([]);
    const run = newRun({ key, ...runs[0]!, phase: 'running' });
    expect(showInHand(journal, run, 4)).toMatchObject({ state: 'begun', acked_seq: 4, outcome: null });
    expect(showInHand(journal, { ...run, phase: 'waiting' }, 0)).toMatchObject({ state: 'accepted' });
    expect(showInHand(journal, { ...run, key: `${other}x` }, 0)).toBeNull();
  });

  test('are not, where what lies in the journal is no intent', () => {
    for (const text of ['', 'a.b.c', 'a.e30.c', '..']) expect(storeIncarnationOf(text)).toBeNull();
  });
});
