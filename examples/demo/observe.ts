// How the demo looks at the world: the public API, the process table, and nothing of the code it shows.
import { readdir, readFile } from 'node:fs/promises';
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Agent } from '../../protocol/api/operations.ts';
import type { Run } from '../../protocol/api/runs.ts';
import type { Stage } from './stage.ts';

/** Stops the demo with exit code 1: what was promised was not seen. */
export function observe(seen: boolean, what: string): void {
  if (!seen) throw new Error(`not observed: ${what}`);
}

/** Asks until `look` gives something other than null, or `msMax` is over. */
export async function until<T>(what: string, msMax: number, look: () => Promise<T | null>): Promise<T> {
  const deadline = performance.now() + msMax;
  for (;;) {
    const seen = await look();
    if (seen !== null) return seen;
    if (performance.now() > deadline) throw new Error(`not observed within ${msMax} ms: ${what}`);
    await sleep(50);
  }
}

export async function api<T>(stage: Stage, method: string, path: string, body?: unknown): Promise<T> {
  const answer = await fetch(stage.server.url + path, {
    method,
    headers: {
      authorization: `Bearer ${stage.server.token}`,
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  if (!answer.ok) throw new Error(`${method} ${path} answered ${answer.status}: ${await answer.text()}`);
  return (await answer.json()) as T;
}

export async function readRun(stage: Stage, id: string): Promise<Run> {
  return api<Run>(stage, 'GET', `/v1/runs/${id}`);
}

export async function startRun(
  stage: Stage,
  action: string,
  inputs: Record<string, unknown> = {},
): Promise<Run> {
  return api<Run>(stage, 'POST', `/v1/projects/default/actions/${action}/runs`, { inputs });
}

export async function agentStatus(stage: Stage): Promise<Agent['status'] | 'none'> {
  const { items } = await api<{ items: Agent[] }>(stage, 'GET', '/v1/projects/default/agents');
  return items[0]?.status ?? 'none';
}

/** Processes of a run, found by the tag in their environment. Elsewhere than on Linux, by the command `sleep 300`. */
export async function processesOf(run: string): Promise<number[]> {
  if (process.platform !== 'linux') {
    const { stdout } = await promisify(execFile)('pgrep', ['-f', 'sleep 300']).catch(() => ({ stdout: '' }));
    return stdout.split('\n').filter(Boolean).map(Number);
  }
  const found: number[] = [];
  for (const pid of await readdir('/proc')) {
    if (!/^\d+$/.test(pid)) continue;
    const environment = await readFile(`/proc/${pid}/environ`, 'utf8').catch(() => '');
    if (environment.includes(`WAYSIDE_RUN_ID=${run}`)) found.push(Number(pid));
  }
  return found;
}
