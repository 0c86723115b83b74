// Noisy neighbours: a run that prints without end, a client that opens a thousand event streams, a group with a long
// queue. A press of somebody else begins about as soon as without them. Full sizes under WAYSIDE_LONG=1.
import { connect } from 'node:net';
import type { Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { percentile } from '../../bench/figures.ts';
import { eventStreamsPerPrincipalMax } from '../../protocol/limits.ts';
import { shell, System, until } from '../support/system.ts';
import { beginMs, statusFile } from './press.ts';

const isLong = process.env['WAYSIDE_LONG'] !== undefined;
const megabytes = isLong ? 1_024 : 24;
const streams = 1_000;
const queued = isLong ? 100_000 : 600;
const samples = isLong ? 200 : 25;
/** How many times as long a press may wait beside the noise; and a floor, for a machine that is shared. */
const ratioMax = 10;
const msFloor = 250;

vi.setConfig({ testTimeout: 1_800_000, hookTimeout: 120_000 });

let system: System;
let quietMs: number;

beforeAll(async () => {
  system = await System.open({ groups: ['quiet', 'noisy'] });
  await system.startAgent('quiet', { hcl: statusFile('quiet'), groups: ['quiet'] });
  await system.startAgent('noisy', { hcl: noisyFile(), groups: ['noisy'] });
  await system.publish('quiet');
  await system.publish('noisy');
  quietMs = await median();
});

afterAll(() => system[Symbol.asyncDispose]());

function noisyFile(): string {
  return `
    agent {
      concurrency = 2
    }
    group "noisy" {
      action "shout" {
        run {
          ${shell(`yes "$(printf '%0100d' 7)" | head -c ${megabytes * 1024 * 1024}`)}
        }
      }
      action "slow" {
        run {
          ${shell('sleep 1')}
        }
      }
    }
  `;
}

/** From accepted to begun, of the neighbour. */
async function median(): Promise<number> {
  const waits: number[] = [];
  for (let count = 0; count < samples; count += 1) {
    waits.push(beginMs(await system.ended((await system.press('note')).id)));
    await delay(10);
  }
  return percentile(waits, 0.5);
}

function expectUndisturbed(what: string, noisyMs: number): void {
  const ratio = noisyMs / Math.max(1, quietMs);
  console.log(
    `beside ${what} a press begins after ${noisyMs} ms, without after ${quietMs} ms: ${ratio.toFixed(1)} times`,
  );
  expect(noisyMs).toBeLessThan(Math.max(msFloor, ratioMax * quietMs));
}

test(`a run that prints ${megabytes} MB`, async () => {
  const run = await system.press('shout');
  await system.reached(run.id, ['running']);
  const noisyMs = await median();
  expectUndisturbed(`${megabytes} MB of output`, noisyMs);
  await system.api('POST', `/v1/runs/${run.id}/cancel`, {});
  await system.ended(run.id, 120_000);
});

test(`a client that opens ${streams} event streams`, async () => {
  const run = await system.press('slow');
  const path = `/v1/runs/${run.id}/events`;
  const { hostname, port } = new URL(system.url);
  const sockets: Socket[] = [];
  let refused = 0;
  for (let count = 0; count < streams; count += 1) {
    const socket = connect(Number(port), hostname);
    socket.on('error', () => undefined);
    socket.once('data', (answer: Buffer) => {
      if (answer.toString().startsWith('HTTP/1.1 429')) refused += 1;
    });
    const head = ['host: x', 'accept: text/event-stream', `authorization: Bearer ${system.token}`];
    socket.write(`GET ${path} HTTP/1.1\r\n${head.join('\r\n')}\r\n\r\n`);
    sockets.push(socket);
  }
  const noisyMs = await median();
  await until('the rest is refused', () => refused >= streams - 2 * eventStreamsPerPrincipalMax);
  for (const socket of sockets) socket.destroy();
  expectUndisturbed(`${streams} event streams, of which ${refused} were refused,`, noisyMs);
});

test(`a group in which ${queued} runs wait`, async () => {
  let left = queued;
  const press = async (): Promise<void> => {
    while (left > 0) {
      left -= 1;
      await system.press('slow');
    }
  };
  await Promise.all(Array.from({ length: 16 }, press));
  const noisyMs = await median();
  expectUndisturbed(`${queued} waiting runs`, noisyMs);
});
