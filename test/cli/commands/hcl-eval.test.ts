// `wayside hcl eval` as a process: what it prints where, and with which exit code it ends.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { execa } from 'execa';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const entry = fileURLToPath(new URL('hcl-eval-entry.ts', import.meta.url));
let folder = '';

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'wayside-eval-'));
});
afterAll(() => {
  rmSync(folder, { recursive: true });
});

function start(args: readonly string[], { terminal = false } = {}) {
  const environment = {
    PRETEND_TERMINAL: terminal ? '1' : '0',
    NO_COLOR: '1',
    FORCE_COLOR: '0',
    TERM: 'xterm',
  };
  return execa(entry, ['hcl', 'eval', ...args], {
    reject: false,
    env: environment,
    node: true,
    nodePath: process.execPath,
  });
}

async function evalCommand(args: readonly string[], { input = '', terminal = false } = {}) {
  const child = start(args, { terminal });
  child.stdin.end(input);
  const { stdout, stderr, exitCode } = await child;
  return { stdout, stderr, exitCode };
}

describe('wayside hcl eval', () => {
  it('prints the value as JSON with all its digits', async () => {
    expect(await evalCommand(['[0.1 + 0.2, 12345678901234567, 1e30]'])).toEqual({
      stdout: '[0.3,12345678901234567,1000000000000000000000000000000]',
      stderr: '',
      exitCode: 0,
    });
  });

  it('prints an object with the value for programs', async () => {
    const { stdout, exitCode } = await evalCommand(['--json', '{ b = null, a = true ? 1 : "a" }']);
    expect(stdout).toBe('{"value":{"a":"1","b":null}}');
    expect(exitCode).toBe(0);
  });

  it('tells what is wrong on standard error and ends with 1', async () => {
    const { stdout, stderr, exitCode } = await evalCommand(['uper("x")']);
    expect(stdout).toBe('');
    expect(stderr).toContain('expression:1:1: error: Unknown function');
    expect(stderr).toContain('Did you mean "upper"?');
    expect(exitCode).toBe(1);
  });

  it('gives diagnostics as data for programs, those of the parser too', async () => {
    const wrong = await evalCommand(['--json', '[1, nothing, 1 / 0]']);
    expect(wrong.exitCode).toBe(1);
    expect(JSON.parse(wrong.stdout)).toMatchObject({
      diagnostics: [
        {
          severity: 'error',
          summary: 'Unknown variable',
          range: { file: 'expression', start: { line: 1, column: 5 }, end: { line: 1, column: 12 } },
        },
        { severity: 'error', summary: 'Division by zero', range: { start: { line: 1, column: 18 } } },
      ],
    });
    const unparsed = await evalCommand(['--json', '[1,']);
    expect(unparsed.exitCode).toBe(1);
    expect(JSON.parse(unparsed.stdout)).toMatchObject({ diagnostics: [{ severity: 'error' }] });
  });

  it('reads the expression from standard input', async () => {
    for (const args of [['-'], []]) {
      expect((await evalCommand(args, { input: 'upper(\n"x"\n)\n' })).stdout).toBe('"X"');
    }
  });

  it('takes variables from a file, their numbers by all digits and their names as they are', async () => {
    const file = join(folder, 'vars.json');
    writeFileSync(file, '{"n": 12345678901234567890.5, "__proto__": {"a": 1}, "list": ["a"]}');
    expect((await evalCommand(['--vars', file, '[n, __proto__.a, list[0]]'])).stdout).toBe(
      '[12345678901234567890.5,1,"a"]',
    );
  });

  it('says why a file gives no variables', async () => {
    const file = join(folder, 'wrong.json');
    writeFileSync(file, '{"a": }');
    const wrong = await evalCommand(['--vars', file, '1']);
    expect(wrong).toMatchObject({ stdout: '', exitCode: 1 });
    expect(wrong.stderr).toContain('it is not JSON: a value is expected');
    writeFileSync(file, '[]');
    expect((await evalCommand(['--vars', file, '1'])).stderr).toContain('members of a JSON object');
    expect((await evalCommand(['--vars', join(folder, 'none'), '1'])).stderr).toContain('ENOENT');
  });

  it('masks what is sensitive', async () => {
    expect((await evalCommand(['[sensitive("hunter2"), nonsensitive(sensitive("x"))]'])).stdout).toBe(
      '["(sensitive)","x"]',
    );
  });
});

describe('the console of wayside hcl eval', () => {
  it('answers line by line, waits for unfinished lines, and goes on after mistakes', async () => {
    const input = '1 + 1\n[1,\n2]\nnope\n"${\n1}-"\n(\n\nupper("x")\nexit\n"after"\n';
    const { stdout, stderr, exitCode } = await evalCommand([], { input, terminal: true });
    expect(stdout.split('\n')).toEqual(['2', '[1,2]', '"1-"', '"X"']);
    expect(stderr).toContain('There is no variable named "nope"');
    expect(exitCode).toBe(0);
  });

  it('completes names on Tab and ends with the input', async () => {
    const child = start([], { terminal: true });
    let shown = '';
    child.stderr.on('data', (chunk: Buffer) => (shown += chunk.toString()));
    for (const [typed, echo] of [
      ['', '> '],
      ['jsonenc', 'jsonenc'],
      ['\t', 'jsonencode'],
      ['(1)\n', '(1)'],
    ] as const) {
      child.stdin.write(typed);
      await expect.poll(() => shown, { timeout: 20_000 }).toContain(echo);
    }
    child.stdin.end();
    expect((await child).stdout).toBe('"1"');
  });
});
