// What an agent that is connected and idle costs the control plane in memory, against the same number of bare
// WebSockets over the same mutual TLS in the same run.
import { randomUUIDv7 } from 'node:crypto';
import { existsSync, readFileSync, rmSync } from 'node:fs';
import { loadavg } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ChildProcess } from 'node:child_process';
import type { AgentFrame } from '../protocol/frames.ts';
import { encodeFrame, subprotocol } from '../protocol/frames.ts';
import { rounded } from './figures.ts';
import type { BenchOptions, Figures } from './figures.ts';
import { prepareInstallation } from './installation.ts';
import type { Prepared } from './installation.ts';
import type { Crowd } from './peers/crowd.ts';
import { endProcess, firstLine, openBenchFolder, startNode, startServerProcess, until } from './system.ts';

const probe = join(import.meta.dirname, 'probes/memory.ts');
const aimRatio = 1.3;
const settleMs = 3_000;

interface Weighed {
  /** Bytes for each connection: resident memory, and what of it the JavaScript heap holds. */
  readonly resident: number;
  readonly heap: number;
}

/** Bytes for each idle agent, and for each bare connection. */
export async function benchAgents(options: BenchOptions): Promise<Figures> {
  using folder = openBenchFolder();
  const prepared = await prepareInstallation(folder.path, options.agents);
  const agent = await weighAgents(folder.path, prepared);
  const bare = await weighBare(folder.path, prepared);
  const ratio = rounded(agent.resident / bare.resident);
  return {
    connections: prepared.clients.length,
    agent_bytes: Math.round(agent.resident),
    bare_bytes: Math.round(bare.resident),
    agent_heap_bytes: Math.round(agent.heap),
    bare_heap_bytes: Math.round(bare.heap),
    load: rounded(loadavg()[0] ?? 0),
    ratio,
    aim_ratio: aimRatio,
    holds: ratio <= aimRatio,
  };
}

async function weighAgents(folder: string, prepared: Prepared): Promise<Weighed> {
  const memory = join(folder, 'memory.json');
  await using server = await startServerProcess({
    folder,
    preload: [probe],
    flags: ['--expose-gc'],
    profile: null,
    environment: { BENCH_MEMORY: memory },
  });
  const hello = encodeFrame(helloFrame());
  const poll = encodeFrame({ type: 'poll', slots: 4 });
  return await weigh(server.child, memory, prepared, {
    url: server.agentUrl,
    protocols: [subprotocol],
    says: [hello, poll],
  });
}

async function weighBare(folder: string, prepared: Prepared): Promise<Weighed> {
  const memory = join(folder, 'bare-memory.json');
  const echo = startNode(
    { preload: [probe], flags: ['--expose-gc'], profile: null, environment: { BENCH_MEMORY: memory } },
    'echo',
    [join(import.meta.dirname, 'peers/echo.ts')],
  );
  try {
    echo.stdin?.end(JSON.stringify(prepared.listener));
    const { port } = JSON.parse(await firstLine(echo)) as { port: number };
    const url = `wss://127.0.0.1:${port}`;
    return await weigh(echo, memory, prepared, { url, protocols: [], says: [encodeFrame(helloFrame())] });
  } finally {
    await endProcess(echo);
  }
}

async function weigh(
  server: ChildProcess,
  memory: string,
  { clients, listener }: Prepared,
  crowd: Pick<Crowd, 'url' | 'protocols' | 'says'>,
): Promise<Weighed> {
  const { ca } = listener;
  // One connection first, so that what the first of all costs is not counted.
  const first = await gather({ ...crowd, ca, clients: clients.slice(0, 1) });
  const before = await memoryOf(server, memory);
  const others = await gather({ ...crowd, ca, clients: clients.slice(1) });
  const after = await memoryOf(server, memory);
  await Promise.all([endProcess(first), endProcess(others)]);
  const count = clients.length - 1;
  return {
    resident: (after.rss - before.rss) / count,
    heap: (after.heapUsed - before.heapUsed) / count,
  };
}

async function gather(crowd: Crowd): Promise<ChildProcess> {
  const child = startNode({ profile: null }, 'crowd', [join(import.meta.dirname, 'peers/crowd.ts')]);
  child.stdin?.end(JSON.stringify(crowd));
  await firstLine(child);
  return child;
}

async function memoryOf(server: ChildProcess, file: string): Promise<NodeJS.MemoryUsage> {
  await sleep(settleMs);
  rmSync(file, { force: true });
  server.kill('SIGUSR2');
  await until('the server has weighed itself', () => Promise.resolve(existsSync(file)));
  return JSON.parse(readFileSync(file, 'utf8')) as NodeJS.MemoryUsage;
}

/** Three actions, of which two have inputs: what an agent with a small file says of itself. */
export function helloFrame(): AgentFrame {
  const schema = {
    type: 'object',
    properties: { version: { type: 'string', pattern: '^v[0-9]+$' }, token: { 'x-wayside-sensitive': true } },
    required: ['version'],
    additionalProperties: false,
  };
  return {
    type: 'hello',
    protocol: 1,
    version: '0.1.0',
    incarnation: randomUUIDv7(),
    journal_counter: 1,
    concurrency: 4,
    now: Date.now(),
    shares_user: true,
    runs: [],
    groups: ['bench'],
    definitions: ['deploy', 'restart', 'status'].map((operation, index) => ({
      group: 'bench',
      operation,
      description: `What ${operation} does`,
      digest: `sha256:${String(index).repeat(64)}`,
      timeout_ms: 60_000,
      idempotent: false,
      concurrency: null,
      compatibility: false,
      inputs: index === 2 ? null : schema,
    })),
    load_errors: [],
  };
}
