// `npm run demo` shows the main job and ends with 0; with any of its steps broken it must notice, and end with 1. It
// leaves no file and no process behind, and neither does `npm start`.
import { execFile, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, readdirSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterAll, describe, expect, test, vi } from 'vitest';
import { steps } from '../examples/demo/steps.ts';
import { listProcesses } from '../agent/processes.ts';
import { compileCache, repository } from './support/processes.ts';
import { until } from './support/system.ts';

vi.setConfig({ testTimeout: 240_000, maxConcurrency: 3 });

const folder = realpathSync(mkdtempSync(join(tmpdir(), 'wayside-demo-test-')));

afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});

/** A temporary folder of its own for each, so that what is left in it can be told. */
function surroundings(name: string): NodeJS.ProcessEnv & { readonly TMPDIR: string } {
  const TMPDIR = join(folder, name);
  mkdirSync(TMPDIR);
  return { ...process.env, TMPDIR, NODE_COMPILE_CACHE: compileCache };
}

async function expectNothingLeft(env: { readonly TMPDIR: string }): Promise<void> {
  expect(readdirSync(env.TMPDIR)).toEqual([]);
  const mine = (await listProcesses()).filter(({ pid }) => {
    try {
      return readFileSync(`/proc/${pid}/environ`, 'latin1').includes(`TMPDIR=${env.TMPDIR}\0`);
    } catch {
      return false;
    }
  });
  expect(mine).toEqual([]);
}

function runDemo(args: readonly string[], env: NodeJS.ProcessEnv): Promise<{ code: number; stdout: string }> {
  return new Promise((resolve) => {
    execFile(process.execPath, ['examples/demo.ts', ...args], { cwd: repository, env }, (error, stdout) => {
      resolve({ code: error === null ? 0 : Number(error.code), stdout });
    });
  });
}

describe.concurrent('the demo', () => {
  test('observes every step, ends with 0 and leaves nothing behind', async () => {
    const env = surroundings('whole');
    const { code, stdout } = await runDemo([], env);
    expect(stdout).toContain(`All ${steps.length} steps observed`);
    expect(stdout.match(/✓ observed/g)).toHaveLength(steps.length);
    expect(stdout).toMatch(/presses: p50 \d+\.\d ms/);
    expect(code).toBe(0);
    await expectNothingLeft(env);
  });

  test.each(steps.map(({ title }, index) => [index + 1, title] as const))(
    'with step %i broken (%s) notices it there, ends with 1 and leaves nothing behind',
    async (step) => {
      const env = surroundings(`broken-${step}`);
      const { code, stdout } = await runDemo(['--break', String(step)], env);
      expect(code, stdout).toBe(1);
      // The first two set the stage; of the others only the broken one is done.
      expect(stdout.match(/✓ observed/g) ?? []).toHaveLength(Math.min(step - 1, 2));
      expect(stdout).toMatch(new RegExp(`(?:^|\\n)${step}\\. [^\\n]*\\n(?:   [^\\n]*\\n)*   ✗ not observed`));
      await expectNothingLeft(env);
    },
  );

  test('says which steps there are to break', async () => {
    const { code } = await runDemo(['--break', String(steps.length + 1)], surroundings('unknown'));
    expect(code).toBe(64);
  });
});

test('npm start stays up, says what to try, and goes with ^C', async () => {
  const env = surroundings('start');
  const child = spawn(process.execPath, ['examples/start.ts'], { cwd: repository, env });
  const all = text(child.stdout);
  let shown = '';
  child.stdout.on('data', (chunk: Buffer) => (shown += chunk.toString()));
  await until('it is up', () => shown.includes('Wayside is up.'), 120_000);
  const [, url = '', token = ''] = /WAYSIDE_URL=(\S+) WAYSIDE_TOKEN=(\S+)/.exec(shown) ?? [];
  const answer = await fetch(`${url}/v1/projects/default/agents`, {
    headers: { authorization: `Bearer ${token}` },
  });
  expect(JSON.stringify(await answer.json())).toContain('"status":"online"');
  child.kill('SIGINT');
  const code = await new Promise((resolve) => child.once('exit', resolve));
  expect(code, await all).toBe(0);
  await expectNothingLeft(env);
});
