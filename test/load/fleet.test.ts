// A whole fleet on one process, and its return after the process was killed: within a minute, and never in the way of
// a press. Sizes are those of CI; WAYSIDE_LONG=1 takes 5,000 agents.
import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, expect, test, vi } from 'vitest';
import { helloFrame } from '../../bench/agents.ts';
import { percentile } from '../../bench/figures.ts';
import { prepareInstallation } from '../../bench/installation.ts';
import { encodeFrame, subprotocol } from '../../protocol/frames.ts';
import { startProgram } from '../support/processes.ts';
import type { Program } from '../support/processes.ts';
import { System, until } from '../support/system.ts';
import { beginMs, statusFile } from './press.ts';

const isLong = process.env['WAYSIDE_LONG'] !== undefined;
const agents = isLong ? 5_000 : 400;
const returnMsMax = 60_000;
/** What a press may wait for its begin while the fleet comes back. */
const stormBeginMsMax = 5_000;

vi.setConfig({ testTimeout: 600_000, hookTimeout: 60_000 });

let fleet: Program | null = null;

afterEach(async () => {
  await fleet?.kill();
});

/** How many of the fleet are connected, and how often it has dialled. */
function reached(): { readonly welcomed: number; readonly dials: number } {
  const last = fleet?.stdout().trim().split('\n').at(-1) ?? '';
  return last === '' ? { welcomed: 0, dials: 0 } : (JSON.parse(last) as { welcomed: number; dials: number });
}

test(`${agents} agents on one process come back after it was killed, and a press does not wait for them`, async () => {
  await using system = await System.open({ groups: ['main'] });
  const real = await system.startAgent('real', { hcl: statusFile('main') });
  await system.publish();
  await system.stopServer('SIGTERM');
  const prepared = await prepareInstallation(system.folder, agents);
  await system.startServer();
  const says = [helloFrame(), { type: 'poll', slots: 4 } as const].map(encodeFrame);
  const url = `wss://127.0.0.1:${system.agentPort}/agent`;
  fleet = startProgram('test/load/programs/fleet.ts', [], {
    input: JSON.stringify({
      url,
      ca: prepared.listener.ca,
      protocol: subprotocol,
      clients: prepared.clients,
      says,
    }),
  });
  await until('the fleet is there', () => reached().welcomed === agents, 240_000);
  const press = async (): Promise<number> => beginMs(await system.ended((await system.press('note')).id));
  const quiet: number[] = [];
  for (let count = 0; count < 20; count += 1) quiet.push(await press());

  // The fleet is held until somebody is there whom a press can go to, and then comes all at once.
  const before = reached().dials;
  const welcomes = [...real.stderr().matchAll(/Connected as/g)].length;
  fleet.process.kill('SIGSTOP');
  await system.stopServer('SIGKILL');
  await system.startServer();
  await real.connected(welcomes + 1);
  fleet.process.kill('SIGCONT');
  const restarted = performance.now();
  const storm: number[] = [];
  let isBack = false;
  const pressing = (async () => {
    while (!isBack) {
      storm.push(await press());
      await delay(50);
    }
  })();
  await until(
    'the fleet is back',
    () => reached().welcomed === agents && reached().dials >= before + agents,
    240_000,
  );
  const returnMs = performance.now() - restarted;
  isBack = true;
  await pressing;
  console.log(
    `${agents} agents are back ${Math.round(returnMs)} ms after they were cut off, with ${reached().dials - before} dials; ` +
      `a press begins after ${percentile(quiet, 0.5)} ms (p50) in quiet, ${percentile(storm, 0.5)} (p50) and ` +
      `${percentile(storm, 1)} (the most) of ${storm.length} in the storm`,
  );
  expect(returnMs).toBeLessThan(returnMsMax);
  expect(storm.length).toBeGreaterThan(0);
  expect(percentile(storm, 1)).toBeLessThan(stormBeginMsMax);
  expect(system.log()).not.toMatch(/"level":60/);
});
