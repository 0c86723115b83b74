// What is left when the agent is killed: the next process finds out the truth and tells it, and starts nothing again.
// Whether something ran is judged by a ledger that the started command itself appends to.
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { enrolled } from './other-side/agent.ts';
import type { Household } from './other-side/agent.ts';
import { spawnAgent } from './other-side/process.ts';
import type { AgentProcess } from './other-side/process.ts';
import { openOtherSide } from './other-side/server.ts';
import type { OtherSide } from './other-side/server.ts';

let side: OtherSide;
let house: Household;
let ledger: string;
beforeEach(async () => {
  side = await openOtherSide();
  house = await enrolled(side, '');
  ledger = join(house.folder, 'ledger');
  house.write(`group "prod" {
  action "quick" {
    run {
      command = ["sh", "-c", "echo \\"$WAYSIDE_RUN_ID\\" >> ${ledger}; echo done"]
    }
  }
  action "again" {
    idempotent = true
    run {
      command = ["sh", "-c", "echo \\"$WAYSIDE_RUN_ID\\" >> ${ledger}; echo done"]
    }
  }
  action "slow" {
    run {
      command = ["sh", "-c", "echo \\"$WAYSIDE_RUN_ID $$\\" >> ${ledger}; echo begun; sleep 60 & wait"]
    }
  }
}
`);
});
afterEach(async () => {
  await side[Symbol.asyncDispose]();
  house[Symbol.dispose]();
});

const start = (fault?: string): AgentProcess =>
  spawnAgent(['run', '-c', house.file, '--state-dir', house.state], {
    env: fault === undefined ? {} : { WAYSIDE_AGENT_FAULT: fault },
  });
const lines = (): readonly string[] =>
  existsSync(ledger) ? readFileSync(ledger, 'utf8').trimEnd().split('\n') : [];
const times = (run: string): number => lines().filter((line) => line.startsWith(run)).length;
const isAlive = (pid: number): boolean => {
  try {
    // A dead process that nobody has waited for is no process any more.
    return !readFileSync(`/proc/${pid}/stat`, 'latin1').includes(') Z ');
  } catch {
    return false;
  }
};

describe('an agent that is killed', () => {
  test('while a run is going on reports it as interrupted, and leaves nothing of it alive', async () => {
    let pid = 0;
    const { run } = await (async () => {
      await using agent = start();
      await side.hear('poll');
      const offered = await side.offer({ operation: 'slow' });
      await side.hear('output', (frame) => frame.run === offered.run);
      pid = Number(lines()[0]?.split(' ')[1]);
      expect(isAlive(pid)).toBe(true);
      agent.kill('SIGKILL');
      await agent.finished;
      return offered;
    })();
    await using _next = start();
    const hello = await side.hear('hello', (frame) => frame.runs.length > 0);
    expect(hello.runs).toMatchObject([{ run, attempt: 1, state: 'interrupted' }]);
    expect(isAlive(pid)).toBe(false);
    const end = await side.hear('end', (frame) => frame.run === run);
    expect(end.outcome).toMatchObject({ result: 'interrupted', code: 'agent_interrupted', truncated: true });
    expect(end.outcome.survivors).toEqual([]);
    expect(times(run)).toBe(1);
  });

  test.each([
    // Nothing had begun: the new process tells so, and the run is not executed.
    ['accepted.written', 'quick', ['failed'], 0],
    ['accept.sent', 'quick', ['failed'], 0],
    ['accept.sent', 'again', ['interrupted'], 0],
    // It may have begun: nobody can know.
    ['begun.durable', 'quick', ['interrupted'], 0],
    ['execute.starting', 'quick', ['interrupted'], 0],
    ['executed', 'quick', ['interrupted'], 1],
    // It had ended, durably: that is what is told.
    ['ended.durable', 'quick', ['succeeded'], 1],
    ['end.sent', 'quick', ['succeeded'], 1],
  ])('at %s tells the truth about "%s"', async (fault, operation, results, executions) => {
    side.manners.acknowledgeEnds = false;
    const dying = start(fault);
    await side.hear('poll');
    const { run } = await side.offer({ operation });
    expect((await dying.finished).signal).toBe('SIGKILL');
    side.manners.acknowledgeEnds = true;
    const heardBefore = side.heard.length;
    await using _next = start();
    const end = await side.hear(
      'end',
      (frame) => frame.run === run && side.heard.indexOf(frame) >= heardBefore,
    );
    expect(results).toContain(end.outcome.result);
    expect(times(run)).toBe(executions);
    if (end.outcome.result === 'failed') expect(end.outcome.message).toContain('nothing was started');
    await side.offer({ operation, run });
    await side.until('an answer to the replay', () =>
      side.heard.slice(heardBefore).some((frame) => frame.type === 'refuse' && frame.run === run),
    );
    await delay(100);
    expect(times(run)).toBe(executions);
  });

  test('at random moments of a busy hour never runs anything twice, and reports every run once and for all', async () => {
    const runs: string[] = [];
    for (let trial = 0; trial < 3; trial += 1) {
      const before = side.heard.length;
      const agent = start();
      await side.until('slots', () => side.heard.slice(before).some((frame) => frame.type === 'poll'));
      const feeding = (async () => {
        for (let count = 0; count < 200; count += 1) {
          if (!side.current().open) return;
          runs.push((await side.offer({ operation: 'quick' })).run);
          await delay(15);
        }
      })();
      const ends = (): number => side.heard.slice(before).filter((frame) => frame.type === 'end').length;
      await side.until('some ends', () => ends() >= 2);
      await delay(Math.random() * 150);
      agent.kill('SIGKILL');
      await Promise.all([feeding, agent.finished]);
    }
    const before = side.heard.length;
    await using _last = start();
    await side.until('the last hello', () =>
      side.heard.slice(before).some((frame) => frame.type === 'hello'),
    );
    const isReported = (run: string): boolean =>
      side.heard.some((frame) => frame.type === 'end' && frame.run === run);
    await side.until('a verdict on everything that ran', () =>
      runs.every((run) => times(run) === 0 || isReported(run)),
    );
    await delay(500);
    for (const run of runs) {
      const verdicts = new Set(
        side.heard.flatMap((frame) =>
          frame.type === 'end' && frame.run === run ? [frame.outcome.result] : [],
        ),
      );
      expect(times(run)).toBeLessThanOrEqual(1);
      expect(verdicts.size).toBeLessThanOrEqual(1);
      if (verdicts.has('succeeded')) expect(times(run)).toBe(1);
      if (verdicts.has('failed')) expect(times(run)).toBe(0);
      if (times(run) === 1) expect(verdicts.size).toBe(1);
    }
    expect(runs.filter((run) => times(run) === 1).length).toBeGreaterThanOrEqual(3);
  });
});

describe('an agent whose journal was damaged', () => {
  test('reports a run that it accepted as interrupted, because nobody can know whether it had begun', async () => {
    side.manners.go = false;
    const first = start();
    await side.hear('poll');
    const { run } = await side.offer({ operation: 'quick' });
    await side.hear('accept');
    first.kill('SIGKILL');
    await first.finished;
    const path = join(house.state, 'journal.log');
    const { appendFileSync } = await import('node:fs');
    appendFileSync(path, Buffer.from([0x57, 0xa7, 9, 0, 0, 0, 1, 2, 3]));
    await using next = start();
    const end = await side.hear('end', (frame) => frame.run === run);
    expect(end.outcome).toMatchObject({ result: 'interrupted' });
    expect(next.stderr()).toContain('was not whole');
  });
});
