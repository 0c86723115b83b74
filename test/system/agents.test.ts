// The life of an agent, from its first start to its last: reload, lock, drain, wrong clock, approval, revocation.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import type { Agent } from '../../protocol/api/operations.ts';
import { runCli } from '../support/cli.ts';
import { shiftedClock } from '../support/clock-shift.ts';
import { runProgram } from '../support/processes.ts';
import { shell, System, until } from '../support/system.ts';
import type { AgentProcess } from '../support/system.ts';
import { processesOf } from '../support/tagged.ts';

vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 });

const hour = 3_600_000;
let system: System;

beforeAll(async () => {
  system = await System.open({ groups: ['main', 'clock'] });
  await system.createGroup('guarded', { production: true });
  await system.createGroup('pinned', { pinned: true });
});

afterAll(async () => {
  await system[Symbol.asyncDispose]();
});

function fileOf(group: string, actions: Readonly<Record<string, string>>): string {
  const blocks = Object.entries(actions).map(
    ([name, script]) => `
      action "${name}" {
        run {
          ${shell(`${system.ledger.record}; ${script}`)}
        }
      }`,
  );
  return `
    agent {
      concurrency    = 2
      shutdown_grace = "20s"
    }
    group "${group}" {${blocks.join('')}
    }
  `;
}

const workerActions = {
  quick: 'echo quick',
  steps: 'for i in 1 2 3 4 5 6; do echo "step $i"; sleep 0.3; done',
  soak: 'setsid sleep 300 & sleep 300',
};

describe('an agent that works', () => {
  let agent: AgentProcess;
  const start = () => system.startAgent('worker', { hcl: fileOf('main', workerActions) });

  beforeAll(async () => {
    agent = await start();
    await system.publish('main');
  });

  test('takes a changed file without a restart, by SIGHUP or by itself, and refuses a broken one on both sides', async () => {
    const old = readFileSync(agent.file, 'utf8');
    writeFileSync(agent.file, fileOf('main', { ...workerActions, added: 'echo added' }));
    const operations = async (): Promise<readonly string[]> => {
      const path = '/v1/projects/default/groups/main/operations';
      const { items } = await system.ask<{ items: { operation: string }[] }>('GET', path);
      return items.map(({ operation }) => operation).sort();
    };
    await until('the new action is advertised', async () => (await operations()).includes('added'));
    await system.publish('main');
    const added = await system.press('added');
    await system.reached(added.id, ['succeeded']);

    writeFileSync(agent.file, 'group "main" {\n  action "quick" {\n    rum {\n    }\n  }\n}\n');
    const refused = await until('the refusal is shown', async () => {
      const shown = await system.agentNamed('worker');
      return shown.load_errors.length > 0 ? shown : null;
    });
    expect(refused.load_errors.join('\n')).toMatch(/agent\.hcl:3/);
    expect(refused.load_errors.join('\n')).toMatch(/Did you mean `run`/);
    expect(agent.stderr()).toMatch(/definitions that were loaded before stay/);
    const listed = await runCli(system, ['agent', 'list']);
    expect(listed.stderr).toMatch(/worker refused a file/);
    const stays = await system.press('added');
    await system.reached(stays.id, ['succeeded']);

    writeFileSync(agent.file, old);
    agent.process.kill('SIGHUP');
    await until(
      'the error is gone',
      async () => (await system.agentNamed('worker')).load_errors.length === 0,
    );
    expect(await operations()).not.toContain('added');
  });

  test('has its state folder for itself', async () => {
    const second = await runProgram('agent/main.ts', [
      'run',
      '-c',
      agent.file,
      '--state-dir',
      agent.stateFolder,
    ]);
    expect(second.code).toBe(75);
    expect(second.stderr).toContain(`Process ${agent.pid} uses the state folder`);
  });

  test('finishes what runs when it is asked to leave by SIGTERM, reports it, and then leaves (R14)', async () => {
    const run = await system.press('steps');
    await system.reached(run.id, ['running']);
    await until('it was executed', () => system.ledger.count(run.id) === 1);
    agent.process.kill('SIGTERM');
    await until('it says so', async () => (await system.agentNamed('worker')).status === 'draining');
    const late = await system.press('quick');
    expect(await agent.ended).toEqual({ code: 0, signal: null });
    const ended = await system.run(run.id);
    expect(ended.state).toBe('succeeded');
    expect(await system.output(run.id)).toBe([1, 2, 3, 4, 5, 6].map((n) => `step ${n}\n`).join(''));
    // Nothing new was given to it; it waits for the next start.
    expect((await system.run(late.id)).state).toBe('queued');
    expect((await system.agentNamed('worker')).status).toBe('offline');
    agent = await start();
    await system.reached(late.id, ['succeeded']);
    expect(system.ledger.count(late.id)).toBe(1);
  });

  test('finishes and leaves when the control plane asks for it', async () => {
    const run = await system.press('steps');
    await system.reached(run.id, ['running']);
    const drained = await runCli(system, ['--json', 'agent', 'drain', 'worker']);
    expect(drained.code).toBe(0);
    expect((JSON.parse(drained.stdout) as Agent).status).toBe('draining');
    expect((await agent.ended).code).toBe(0);
    expect((await system.run(run.id)).state).toBe('succeeded');
  });

  test('cancels what does not end within the grace, and reports that', async () => {
    agent = await system.startAgent('worker', {
      hcl: fileOf('main', workerActions),
      args: ['--shutdown-grace', '500ms'],
    });
    const run = await system.press('soak');
    await until('it was executed', () => system.ledger.count(run.id) === 1);
    agent.process.kill('SIGTERM');
    expect((await agent.ended).code).toBe(0);
    expect((await system.run(run.id)).state).toBe('canceled');
    expect(await processesOf(run.id)).toEqual([]);
  });

  test('stops at once and for good when it is revoked; what ran is indeterminate', async () => {
    agent = await start();
    const run = await system.press('soak');
    await until('it was executed', () => system.ledger.count(run.id) === 1);
    const revoked = await runCli(system, ['--json', 'agent', 'revoke', 'worker', '--reason', 'lost']);
    expect(revoked.code).toBe(0);
    const verdict = await system.run(run.id);
    expect(verdict).toMatchObject({ state: 'indeterminate', failure: { code: 'agent_revoked' } });
    expect((await agent.ended).code).toBe(77);
    expect(agent.stderr()).toMatch(/This agent was revoked/);
    await until('nothing is left', async () => (await processesOf(run.id)).length === 0);

    const again = await system.launchAgent('worker', { hcl: fileOf('main', workerActions) });
    expect((await again.ended).code).toBe(77);
    expect(again.stderr()).toMatch(/This agent was revoked/);
    expect((await system.agentNamed('worker')).status).toBe('revoked');
    // Its evidence settles nothing.
    expect((await system.run(run.id)).state).toBe('indeterminate');
  });
});

describe('an agent that cannot work', () => {
  test('leaves with a code when the control plane does not know its group, and says which there are (R12)', async () => {
    const text = readFileSync(
      join(import.meta.dirname, '../../examples/hcl/regressions/r12-unknown-group.hcl'),
      'utf8',
    );
    const agent = await system.launchAgent('stranger', { hcl: text });
    expect((await agent.ended).code).toBe(78);
    expect(agent.stderr()).toContain('a-group-that-nobody-created');
    expect(agent.stderr()).toMatch(/it may serve \\?"main\\?"/);
  });

  test('leaves with a code when it was never enrolled', async () => {
    const file = join(system.folder, 'nobody.hcl');
    writeFileSync(file, fileOf('main', workerActions));
    const state = join(system.folder, 'nobody');
    const agent = await runProgram('agent/main.ts', ['run', '-c', file, '--state-dir', state]);
    expect(agent.code).toBe(77);
    expect(agent.stderr).toMatch(/wayside-agent enroll/);
  });
});

describe('an agent whose clock is wrong by many hours', () => {
  let agent: AgentProcess;

  beforeAll(async () => {
    agent = await system.startAgent('dreamer', {
      hcl: fileOf('clock', { tick: 'true' }),
      groups: ['clock'],
      node: shiftedClock(20 * hour),
    });
    await system.publish('clock');
  });

  test('renews its certificate, which it takes for old, and goes on under the new one', async () => {
    await agent.said(/The certificate was renewed/);
    await agent.connected(2);
    const identity = JSON.parse(readFileSync(join(agent.stateFolder, 'identity.json'), 'utf8')) as {
      generation: number;
    };
    expect(identity.generation).toBe(2);
    expect((await system.agentNamed('dreamer')).status).toBe('online');
    // What it has just got looks old to it again; it must not ask for another one at once, and for ever.
    await delay(1_500);
    expect(agent.stderr().match(/The certificate was renewed/g)).toHaveLength(1);
  });

  test('executes nothing: another agent may have the run', async () => {
    const run = await system.press('tick');
    const refused = await until('it was refused', async () => {
      const events = await system.events(run.id);
      return events.find((event) => event.kind === 'state' && event.code === 'clock_skew');
    });
    expect(refused).toMatchObject({ state: 'queued' });
    const right = await system.startAgent('watchmaker', {
      hcl: fileOf('clock', { tick: 'true' }),
      groups: ['clock'],
    });
    const ended = await system.reached(run.id, ['succeeded']);
    expect(ended.agent?.name).toBe(right.name);
    expect(system.ledger.count(run.id)).toBe(1);
  });
});

describe('a production group', () => {
  test('lets an agent in only after a person has compared the fingerprint of its key', async () => {
    const agent = await system.launchAgent('vault', {
      hcl: fileOf('guarded', { seal: 'true' }),
      groups: ['guarded'],
    });
    await agent.said(/approval_pending|must approve/);
    const waiting = await system.agentNamed('vault');
    expect(waiting.status).toBe('pending_approval');
    const wrong = await runCli(system, ['agent', 'approve', 'vault', '--fingerprint', 'ab'.repeat(32)]);
    expect(wrong.code).toBe(1);
    const right = await runCli(system, [
      'agent',
      'approve',
      'vault',
      '--fingerprint',
      waiting.key_fingerprint,
    ]);
    expect(right.code).toBe(0);
    await agent.connected();
    await system.publish('guarded');
    const run = await system.press('seal');
    await system.reached(run.id, ['succeeded']);
  });
});

describe('a pinned group', () => {
  test('holds a new definition back until a person has accepted its digest', async () => {
    const agent = await system.startAgent('rock', {
      hcl: fileOf('pinned', { stone: 'echo one' }),
      groups: ['pinned'],
    });
    const digest = async (): Promise<{ digest: string; accepted: boolean }> => {
      const path = '/v1/projects/default/groups/pinned/operations';
      const { items } = await system.ask<{ items: { digest: string; accepted: boolean }[] }>('GET', path);
      const found = items.find(({ digest: each }) => each !== first) ?? items[0];
      if (found === undefined) throw new Error('nothing is advertised');
      return found;
    };
    let first = '';
    const one = await digest();
    first = one.digest;
    expect(one.accepted).toBe(false);
    await system.publish('pinned');
    const press = () => system.api<{ code: string }>('POST', '/v1/projects/default/actions/stone/runs', {});
    expect((await press()).body.code).toBe('definition_not_accepted');
    expect((await runCli(system, ['group', 'accept', 'pinned', 'stone', first])).code).toBe(0);
    const run = await system.press('stone');
    await system.reached(run.id, ['succeeded']);
    expect(await system.output(run.id)).toBe('one\n');

    writeFileSync(agent.file, fileOf('pinned', { stone: 'echo two' }));
    const two = await until('the new definition is seen', async () => {
      const found = await digest();
      return found.digest === first ? null : found;
    });
    expect(two.accepted).toBe(false);
    expect((await press()).body.code).toBe('definition_not_accepted');
    expect((await runCli(system, ['group', 'accept', 'pinned', 'stone', two.digest])).code).toBe(0);
    const after = await system.press('stone');
    await system.reached(after.id, ['succeeded']);
    expect(await system.output(after.id)).toBe('two\n');
  });
});

test('the audit of all of it is whole', async () => {
  expect(await system.ask('POST', '/v1/audit/verify', {})).toMatchObject({ valid: true });
});
