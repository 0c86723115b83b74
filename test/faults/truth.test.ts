// The judge of every fault test is judged: told the truth it finds nothing, and of each kind of lie it notices one.
import { DatabaseSync } from 'node:sqlite';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import type { Run, RunEvent } from '../../protocol/api/runs.ts';
import { openPresser } from '../support/presser.ts';
import type { Presser } from '../support/presser.ts';
import { System } from '../support/system.ts';
import { faultyFile, lies } from '../support/truth.ts';
import type { Witness } from '../support/truth.ts';

vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 });

let system: System;
let presser: Presser;
let last: string;

beforeAll(async () => {
  system = await System.open({ groups: ['main'] });
  presser = openPresser(system);
  await system.startAgent('honest', { hcl: faultyFile(system) });
  await system.publish();
  for (const action of ['quick', 'fails', 'again', 'steps']) last = await presser.press(action);
  await system.untilEnded([...presser.presses.values()]);
});

afterAll(() => system[Symbol.asyncDispose]());

/** What is found when the witness says something else here and there. */
async function foundBy(changed: Partial<Witness>, presses = presser.presses): Promise<string> {
  const witness: Witness = {
    untilEnded: (ids, msMax) => system.untilEnded(ids, msMax),
    ask: (...request) => system.ask(...request),
    events: (...of) => system.events(...of),
    ledger: system.ledger,
    ...changed,
  };
  const found = await lies(witness, presses, { agentDied: false, msMax: 2_000 });
  return found.join('\n');
}

/** The stored runs as `change` makes them. */
function runsAs(change: (runs: readonly Run[]) => readonly unknown[]): Partial<Witness> {
  return {
    async ask<Body>(method: string, path: string, body?: unknown) {
      const answer = await system.ask<{ items: readonly Run[] }>(method, path, body);
      return ('items' in answer ? { ...answer, items: change(answer.items) } : answer) as Body;
    },
  };
}

function eventsAs(change: (events: readonly RunEvent[]) => readonly RunEvent[]): Partial<Witness> {
  return {
    events: async (id, until) => {
      const events = await system.events(id, until);
      return id === last ? change(events) : events;
    },
  };
}

const counted = (change: (counts: Map<string, number>) => void): Partial<Witness> => {
  const counts = new Map(system.ledger.counts());
  change(counts);
  return { ledger: { counts: () => counts } };
};

test('the truth is no lie', async () => {
  expect(await foundBy({})).toBe('');
});

test('an operation that ran twice is noticed', async () => {
  expect(await foundBy(counted((counts) => counts.set(last, 2)))).toMatch(/it was executed 2 times/);
});

test('a success that never ran is noticed', async () => {
  expect(await foundBy(counted((counts) => counts.delete(last)))).toMatch(/was never executed/);
});

test('an execution that nobody asked for is noticed', async () => {
  const stranger = counted((counts) => counts.set('stranger', 1));
  expect(await foundBy(stranger)).toMatch(/stranger was executed and never asked for/);
});

test('an acknowledged request that is gone is noticed', async () => {
  const gone = runsAs((runs) => runs.filter(({ id }) => id !== last));
  expect(await foundBy(gone)).toMatch(new RegExp(`run ${last} is lost`));
});

test('a run that was made of a request twice is noticed', async () => {
  const fewer = new Map([...presser.presses].slice(0, -1));
  expect(await foundBy({}, fewer)).toMatch(new RegExp(`run ${last} was never asked for`));
});

test('a run without a final state is noticed', async () => {
  const open = runsAs((runs) => runs.map((run) => (run.id === last ? { ...run, state: 'running' } : run)));
  expect(await foundBy(open)).toMatch(/it is running/);
  expect(await foundBy({ untilEnded: () => Promise.reject(new Error('waited')) })).toMatch(/is stuck/);
});

test('a second final state is noticed', async () => {
  const twice = eventsAs((events) => [...events, { ...(events.at(-1) as RunEvent), seq: events.length + 1 }]);
  expect(await foundBy(twice)).toMatch(/it went from succeeded to succeeded/);
});

test('a gap and a duplicate in the output are noticed', async () => {
  const isSecond = (event: RunEvent): boolean =>
    event.kind === 'output' && Buffer.from(event.bytes, 'base64').toString() === 'line 2\n';
  const gap = eventsAs((events) => events.filter((event) => !isSecond(event)));
  expect(await foundBy(gap)).toMatch(/a gap or a duplicate[^]*of its output there is only "line 1\\n"/);
  const doubled = eventsAs((events) => events.flatMap((event) => (isSecond(event) ? [event, event] : event)));
  expect(await foundBy(doubled)).toMatch(
    /a gap or a duplicate[^]*its output is "line 1\\nline 2\\nline 2\\n"/,
  );
});

test('a verdict that nobody can know is noticed where nobody died', async () => {
  const unsure = runsAs((runs) =>
    runs.map((run) => (run.id === last ? { ...run, state: 'indeterminate' } : run)),
  );
  expect(await foundBy(unsure)).toMatch(/it is indeterminate, and no agent died/);
});

test('an audit that was edited is noticed', async () => {
  await system.stopServer('SIGTERM');
  const database = new DatabaseSync(join(system.dataFolder, 'wayside.db'));
  const edited = database
    .prepare(`update audit_events set operation = 'run.forge' where operation = 'run.start'`)
    .run();
  database.close();
  expect(edited.changes).toBeGreaterThan(0);
  await system.startServer();
  expect(await foundBy({})).toMatch(/the audit is broken/);
});
