// The simulation can fail: with any one of the guards of a start taken away, some seed soon tells a lie.
import { cpSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test, vi } from 'vitest';
import { repository } from '../support/processes.ts';
import { copySources } from '../support/sources.ts';
import type { Patch } from '../support/sources.ts';
import { runSeeds } from './many-seeds.ts';

vi.setConfig({ testTimeout: 600_000 });

/** Where no seed up to this one shows it, the simulation has gone blind. */
const seedsMax = 1_000;

const mutations: Readonly<Record<string, readonly Patch[]>> = {
  'the fence of attempts': [
    {
      file: 'control-plane/runs/fence.ts',
      find: "if (run === undefined || attempt < run.attempt) return { kind: 'stale' };",
      replace: "if (run !== undefined) return { kind: 'mine', run }; else return { kind: 'stale' };",
    },
    {
      file: 'control-plane/runs/accept.ts',
      find: 'if (run.agent_incarnation !== incarnation) await inherit(parts, connection, run, frame);',
      replace: 'void inherit;',
    },
  ],
  'the wait for go': [
    {
      file: 'agent/decide/run.ts',
      find: "    sendAccept(draft, updateRun(draft, run, { phase: 'waiting' }));\n    return;",
      replace: `    sendAccept(draft, updateRun(draft, run, { phase: 'waiting' }));
    return onGo(draft, { type: 'go', run: run.run, attempt: run.attempt, incarnation: draft.state.incarnation });`,
    },
  ],
  'the flush of begun before the start': [
    {
      file: 'agent/work.ts',
      find: "const isEarly = record.type === 'accepted';",
      replace: "const isEarly = record.type === 'begun';",
    },
  ],
};

describe.runIf(process.env['WAYSIDE_LONG'] !== undefined)('without', () => {
  test.each(Object.entries(mutations))('%s some seed tells a lie', async (_, patches) => {
    using sources = copySources(patches);
    for (const name of ['simulation', 'support']) {
      cpSync(join(repository, 'test', name), join(sources.root, 'test', name), { recursive: true });
    }
    const { wrong, seeds } = await runSeeds(1, seedsMax, { root: sources.root, untilWrong: true });
    console.log(`seed ${seeds}: ${wrong[0]?.violations[0] ?? 'nothing'}`);
    expect(wrong).toHaveLength(1);
  });
});
