// What the reference agent gets wrong (R1 to R14 of the agent file's rules), each with its example file, through a
// whole system. R12 stands beside the other reasons to leave, in agents.test.ts.
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { outputOf, System, until } from '../support/system.ts';
import type { AgentProcess } from '../support/system.ts';
import { processesOf } from '../support/tagged.ts';
import { watchStream } from '../support/watcher.ts';

vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 });

const examples = join(import.meta.dirname, '../../examples/hcl/regressions');
const loaded = [
  'r01-first-failure-stops',
  'r02-docker-never-on-the-host',
  'r04-scrubbed-environment',
  'r05-http-status',
  'r06-missing-binary',
  'r10-exact-numbers',
  'r11-concurrent-and-cancelable',
  'r13-status-is-sent',
  'r14-final-status-survives',
];

let system: System;
let agent: AgentProcess;
let service: Server;
/** What the service of R5 answers next, and what it was asked. */
const script: { status: number | 'nothing'; readonly asked: string[] } = { status: 204, asked: [] };

beforeAll(async () => {
  service = createServer((request, response) => {
    script.asked.push(`${request.method ?? ''} ${String(request.headers['x-header'])}`);
    if (script.status !== 'nothing') response.writeHead(script.status).end();
  });
  await new Promise<void>((resolve) => service.listen(0, '127.0.0.1', resolve));
  const { port } = service.address() as AddressInfo;
  const settings = `
    agent {
      concurrency = 4
      network {
        allow = ["127.0.0.1:${port}"]
      }
    }
  `;
  const files = loaded.map((name) => [`${name}.hcl`, read(name).replace('127.0.0.1/', `127.0.0.1:${port}/`)]);
  system = await System.open({ groups: ['regressions'] });
  agent = await system.startAgent('reference', {
    hcl: { 'agent.hcl': settings, ...(Object.fromEntries(files) as Record<string, string>) },
    groups: ['regressions'],
    // No engine is found here, whatever this machine has.
    environment: { PATH: '/usr/bin:/bin', AWS_SECRET_ACCESS_KEY: 'not for children' },
  });
  await system.publish('regressions');
});

afterAll(async () => {
  await system[Symbol.asyncDispose]();
  service.closeAllConnections();
  service.close();
});

function read(name: string): string {
  return readFileSync(join(examples, `${name}.hcl`), 'utf8');
}

test('R1: the first failure ends the run with its exit code, unless the file says to go on', async () => {
  const stops = await system.press('r01-stops');
  const stopped = await system.reached(stops.id, ['failed']);
  expect(stopped.outcome).toMatchObject({ code: 'exit_status', exit_code: 3 });
  expect(stopped.outcome?.operations.map(({ result }) => result)).toEqual(['failed', 'skipped']);
  expect(await system.output(stops.id)).not.toContain('must not be printed');
  const goesOn = await system.press('r01-continues');
  await system.reached(goesOn.id, ['succeeded']);
  expect(await system.output(goesOn.id)).toContain('must be printed');
});

test('R2: a container that no engine can run is refused, and nothing runs on the host', async () => {
  const run = await system.press('r02');
  const ended = await system.reached(run.id, ['failed']);
  expect(ended.outcome?.code).toBe('engine_missing');
  expect(
    outputOf((await system.events(run.id)).filter((e) => e.kind !== 'output' || e.stream !== 'system')),
  ).toBe('');
});

test('R4: a child sees nothing of the agent’s environment but what the rules name', async () => {
  const run = await system.press('r04');
  await system.reached(run.id, ['succeeded']);
  const names = (await system.output(run.id))
    .trim()
    .split('\n')
    .map((line) => line.split('=')[0]);
  expect(names.sort()).toEqual(
    expect.arrayContaining(['GIVEN', 'HOME', 'PATH', 'WAYSIDE_RUN_ID']) as unknown as string[],
  );
  const allowed = ['GIVEN', 'HOME', 'LANG', 'PATH', 'TZ', 'WAYSIDE_RUN_ID', 'PWD', 'SHLVL', '_'];
  expect(names.filter((name) => !allowed.includes(name ?? ''))).toEqual([]);
});

test('R5: method and headers are sent; another status fails; no answer is a timeout', async () => {
  const right = await system.press('r05');
  await system.reached(right.id, ['succeeded']);
  expect(script.asked).toEqual(['PUT sent']);
  script.status = 500;
  const wrong = await system.press('r05');
  expect((await system.reached(wrong.id, ['failed'])).outcome?.code).toBe('unexpected_status');
  script.status = 'nothing';
  const silent = await system.press('r05');
  const ended = await system.ended(silent.id);
  expect(ended.state).toMatch(/^(failed|timed_out)$/);
  expect(ended.outcome?.operations[0]).toMatchObject({ code: 'timed_out' });
});

test('R6: a program that is not there is exit code 127 and a failure that names it', async () => {
  const run = await system.press('r06');
  const { outcome } = await system.reached(run.id, ['failed']);
  expect(outcome).toMatchObject({ code: 'exec_not_found', exit_code: 127 });
  expect(outcome?.message).toContain('/no/such/program');
});

test('R10: every digit of a number arrives', async () => {
  const run = await system.press('r10');
  await system.reached(run.id, ['succeeded']);
  expect(await system.output(run.id)).toBe('given 12345678901234567\nliteral 12345678901234567.1\n');
});

test('R11: runs go on side by side, their lines arrive as they are printed, and each can be canceled', async () => {
  const runs = [await system.press('r11'), await system.press('r11'), await system.press('r11')];
  const began = performance.now();
  await Promise.all(
    runs.map(async ({ id }) => {
      const { events } = await watchStream(system, id, { until: (seen) => outputOf(seen) !== '' });
      expect(outputOf(events)).toBe('first\n');
      expect((await system.run(id)).state).toBe('running');
    }),
  );
  // The script itself takes twenty seconds; the reference agent would not even have asked.
  expect(performance.now() - began).toBeLessThan(18_000);
  await Promise.all(runs.map(({ id }) => system.ask('POST', `/v1/runs/${id}/cancel`, {})));
  await Promise.all(runs.map(({ id }) => system.reached(id, ['canceled'])));
  for (const { id } of runs) expect(await processesOf(id)).toEqual([]);
});

test('R13: a status is sent as it was written', async () => {
  const run = await system.press('r13');
  await system.reached(run.id, ['succeeded']);
  expect(await system.events(run.id)).toContainEqual(
    expect.objectContaining({
      kind: 'status',
      message: 'half way',
      values: { percent: 50 },
      status: 'running',
    }),
  );
});

describe('what must not load is refused by the agent that runs, and its actions stay', () => {
  test.each([
    ['R3', 'r03-shell-injection', /shell/i],
    ['R7', 'r07-second-run-block', /second|one/i],
    ['R8', 'r08-group-declared-twice', /twice|already|again/i],
    ['R9', 'r09-misspelt-names', /Did you mean `description`[\s\S]*Did you mean/],
  ])('%s: %s', async (_rule, name, says) => {
    const path = join(agent.file, `${name}.hcl`);
    writeFileSync(path, read(name));
    const errors = await until('the file is refused', async () => {
      const { load_errors: shown } = await system.agentNamed('reference');
      return shown.length > 0 ? shown.join('\n') : null;
    });
    expect(errors).toContain(`${name}.hcl:`);
    expect(errors).toMatch(says);
    const run = await system.press('r13');
    await system.reached(run.id, ['succeeded']);
    rmSync(path);
    await until(
      'it is well again',
      async () => (await system.agentNamed('reference')).load_errors.length === 0,
    );
  });
});

test('R14: the end of a run survives the end of its agent', async () => {
  const run = await system.press('r14');
  await system.reached(run.id, ['running']);
  agent.process.kill('SIGINT');
  expect((await agent.ended).code).toBe(0);
  expect((await system.run(run.id)).state).toBe('succeeded');
  expect(await system.output(run.id)).toBe('finished\n');
});
