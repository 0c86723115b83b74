// The guards of a start, each tried as it is and once with itself taken away: a trial that a missing guard passes
// would prove nothing.
import { readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, test, vi } from 'vitest';
import { compileShim, hasCompiler, keepFlushed, loseUnflushed } from '../support/flushed-files.ts';
import { openPresser } from '../support/presser.ts';
import type { Presser } from '../support/presser.ts';
import { copySources, quickNetwork, shortLease } from '../support/sources.ts';
import type { Patch } from '../support/sources.ts';
import { System, until } from '../support/system.ts';
import { openTcpProxy } from '../support/tcp-proxy.ts';
import { faultyFile, lies } from '../support/truth.ts';

const isLong = process.env['WAYSIDE_LONG'] !== undefined;

vi.setConfig({ testTimeout: 240_000, hookTimeout: 120_000 });

/** Opens a system on changed sources, does what `trial` does, and answers the lies that came of it. */
async function tried(
  patches: readonly Patch[],
  trial: (system: System, presser: Presser) => Promise<{ readonly agentDied: boolean }>,
): Promise<readonly string[]> {
  using sources = copySources(patches);
  await using system = await System.open({ groups: ['main'], sources: sources.root });
  const presser = openPresser(system);
  const { agentDied } = await trial(system, presser);
  return await lies(system, presser.presses, { agentDied, msMax: 15_000 });
}

const power = join(import.meta.dirname, '../support/volatile-journal.ts');

/** The power fails while a run prints: what was not flushed is gone, in the journal and in the spool. */
async function losePower(system: System, presser: Presser): Promise<{ readonly agentDied: boolean }> {
  const options = { hcl: faultyFile(system), node: ['--import', power] };
  const agent = await system.startAgent('victim', options);
  await system.publish();
  const run = await presser.press('lines');
  await until('it prints', async () => (await system.output(run)).includes('line 2'));
  await agent.kill('SIGKILL');
  const spool = join(agent.stateFolder, 'spool');
  for (const name of readdirSync(spool)) rmSync(join(spool, name));
  const reborn = await system.launchAgent('victim', options);
  await Promise.race([reborn.connected(), reborn.ended]);
  return { agentDied: true };
}

describe('a run begins when `begun` is on the disk', () => {
  test('so after a power failure it is called what it is', async () => {
    expect(await tried(quickNetwork, losePower)).toEqual([]);
  });

  test('and without the flush before the start it would be called what it is not', async () => {
    const early: Patch = {
      file: 'agent/work.ts',
      find: "const isEarly = record.type === 'accepted';",
      replace: "const isEarly = record.type === 'begun';",
    };
    const found = await tried([...quickNetwork, early], losePower);
    expect(found.join('\n')).toMatch(/it is failed, as if nothing had started/);
  });
});

/**
 * The server dies when an agent has accepted, before that is durable; the agent cannot be reached any more, and
 * another one gets the run.
 */
async function loseAccept(system: System, presser: Presser): Promise<{ readonly agentDied: boolean }> {
  const hcl = faultyFile(system);
  await using network = await openTcpProxy({ port: system.agentPort });
  const first = await system.startAgent('first', { hcl, agentPort: network.port });
  await system.publish();
  await system.stopServer('SIGTERM');
  await system.startServer({ WAYSIDE_FAULT: 'before-accept-commit', NODE_ENV: 'test' });
  await first.connected(2);
  await presser.press('lines');
  await system.server.ended;
  network.refuse();
  await system.startServer();
  await system.startAgent('second', { hcl });
  await system.allEnded([...presser.presses.values()]);
  network.heal();
  await first.connected(3);
  await delay(2_000);
  return { agentDied: false };
}

describe.runIf(isLong)('a run begins on `go`, not on the offer', () => {
  test('so an agent whose accept was lost has executed nothing', async () => {
    expect(await tried([...quickNetwork, shortLease], loseAccept)).toEqual([]);
  });

  test('and if it began when it accepts, the run would be executed twice', async () => {
    const onAccept: Patch = {
      file: 'agent/decide/run.ts',
      find: "  sendAccept(draft, updateRun(draft, run, { phase: 'waiting' }));\n}",
      replace: `  const accepted = sendAccept(draft, updateRun(draft, run, { phase: 'waiting' }));
  onGo(draft, { type: 'go', run: run.run, attempt: run.attempt, incarnation: draft.state.incarnation });
  return void accepted;
}`,
    };
    const found = await tried([...quickNetwork, shortLease, onAccept], loseAccept);
    expect(found.join('\n')).toMatch(/it was executed 2 times/);
  });
});

/** An offer is held up in the network until its lease has lapsed and another agent has begun the run. */
async function holdOffer(system: System, presser: Presser): Promise<{ readonly agentDied: boolean }> {
  const hcl = faultyFile(system);
  await using network = await openTcpProxy({ port: system.agentPort });
  await system.startAgent('first', { hcl, agentPort: network.port });
  await system.publish();
  network.halfOpen();
  const run = await presser.press('late');
  await system.reached(run, ['offered']);
  await system.startAgent('second', { hcl });
  await system.reached(run, ['running']);
  network.heal();
  await system.allEnded([run]);
  await delay(1_500);
  return { agentDied: false };
}

describe.runIf(isLong)('an attempt that was given on is fenced', () => {
  test('so an accept that comes too late starts nothing', async () => {
    expect(await tried([shortLease], holdOffer)).toEqual([]);
  });

  test('and without the fence the run would be executed twice', async () => {
    const unfenced: readonly Patch[] = [
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
    ];
    const found = await tried([shortLease, ...unfenced], holdOffer);
    expect(found.join('\n')).toMatch(/it was executed 2 times/);
  });
});

const canLosePower = isLong && hasCompiler();

/** The power fails at the control plane after presses were answered: of its database there is what was flushed. */
async function loseServerPower(patches: readonly Patch[]): Promise<readonly string[]> {
  using sound = copySources(quickNetwork);
  using changed = copySources([...quickNetwork, ...patches]);
  await using system = await System.open({ groups: ['main'], sources: sound.root });
  const presser = openPresser(system);
  await system.startAgent('survivor', { hcl: faultyFile(system) });
  await system.publish();
  await system.stopServer('SIGTERM');
  const environment = { LD_PRELOAD: compileShim(system.folder) };
  keepFlushed(system.dataFolder, ['wayside.db']);
  await system.startServer(environment, changed.root);
  await Promise.all(Array.from({ length: 6 }, () => presser.press('quick')));
  await system.stopServer('SIGKILL');
  loseUnflushed(system.dataFolder, ['wayside.db', 'wayside.db-wal', 'wayside.db-shm']);
  await system.startServer();
  return await lies(system, presser.presses, { agentDied: false, msMax: 15_000 });
}

describe.runIf(canLosePower)('a press is answered when it is on the disk', () => {
  test('so a power failure loses none', async () => {
    expect(await loseServerPower([])).toEqual([]);
  });

  test('and without the flush it would', async () => {
    const unflushed: Patch = {
      file: 'control-plane/store/sqlite/connection.ts',
      find: 'pragma synchronous = full',
      replace: 'pragma synchronous = off',
    };
    expect((await loseServerPower([unflushed])).join('\n')).toMatch(/is lost/);
  });
});
