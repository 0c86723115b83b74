// The demo as a user runs it: everything observed, nothing left behind, and each of its checks able to fail.
import { execFile } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { steps } from '../examples/demo/steps.ts';

const root = join(import.meta.dirname, '..');
const runMsMax = 110_000;

async function demo(...args: readonly string[]): Promise<{ readonly code: number; readonly stdout: string }> {
  try {
    const { stdout } = await promisify(execFile)(
      process.execPath,
      [join(root, 'examples', 'demo.ts'), ...args],
      {
        cwd: root,
        timeout: runMsMax,
      },
    );
    return { code: 0, stdout };
  } catch (error) {
    const { code, stdout } = error as { code: number; stdout: string };
    return { code, stdout };
  }
}

const folders = (): string[] => readdirSync(tmpdir()).filter((name) => name.startsWith('wayside-demo-'));

test(
  'the demo observes every step, says how long a press took, and leaves no folder behind',
  async () => {
    const before = folders();
    const { code, stdout } = await demo();
    expect(stdout).toContain(`All ${steps.length} steps observed`);
    expect(stdout).toMatch(/presses: p50 \d+\.\d ms/);
    expect(code).toBe(0);
    expect(folders().filter((name) => !before.includes(name))).toEqual([]);
  },
  runMsMax,
);

test.concurrent.each(steps.map(({ title }, index) => [index + 1, title] as const))(
  'with step %i sabotaged (%s) it ends with exit code 1',
  async (number) => {
    const { code, stdout } = await demo('--break', String(number));
    expect(stdout.split('\n').filter((line) => line.includes('✗'))).toHaveLength(1);
    expect(stdout).toMatch(new RegExp(`\\n?${number}\\. [^\\n]*\\n(?:   [^\\n]*\\n)*   ✗`));
    expect(code).toBe(1);
  },
  runMsMax,
);

test('a step that there is not is a mistake of the call', async () => {
  expect((await demo('--break', '99')).code).toBe(64);
});
