// `wayside hcl parse` as a process: the document it prints, and what it says when there is none.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { execa } from 'execa';
import { afterAll, beforeAll, expect, test } from 'vitest';

const entry = fileURLToPath(new URL('hcl-files-entry.ts', import.meta.url));
let folder = '';

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'wayside-parse-'));
  writeFileSync(join(folder, 'vars.json'), '{"var": {"name": "x", "big": 12345678901234567890.5}}');
});
afterAll(() => {
  rmSync(folder, { recursive: true });
});

async function parse(text: string, ...args: readonly string[]) {
  writeFileSync(join(folder, 'f.hcl'), text);
  const { stdout, stderr, exitCode } = await execa(entry, ['hcl', 'parse', 'f.hcl', ...args], {
    reject: false,
    cwd: folder,
    env: { NO_COLOR: '1', FORCE_COLOR: '0' },
    node: true,
    nodePath: process.execPath,
  });
  return { stdout, stderr, exitCode };
}

const sample =
  'z = 1\na = [0.1 + 0.2, "${var.name}!"]\ngroup "p" q {\n  b = var.big\n  c {}\n}\n__proto__ = {}\n';

test('arguments and blocks come in source order, with their values and all digits', async () => {
  expect(await parse(sample, '--json', '--vars', 'vars.json')).toEqual({
    stdout:
      '{"attrs":{"z":1,"a":[0.3,"x!"],"__proto__":{}},"blocks":[{"type":"group","labels":["p","q"],"attrs":{"b":12345678901234567890.5},"blocks":[{"type":"c","labels":[],"attrs":{},"blocks":[]}]}]}',
    stderr: '',
    exitCode: 0,
  });
});

test('with --source every expression is as it is written', async () => {
  const { stdout } = await parse('a = var.x  + 1 # c\nb = <<E\nt\nE\n', '--json', '--source');
  expect(stdout).toBe('{"attrs":{"a":"var.x  + 1","b":"<<E\\nt\\nE"},"blocks":[]}');
});

test('people get it on several lines', async () => {
  const { stdout } = await parse('a = "{,}"\nb {}\n');
  expect(stdout).toBe(
    '{\n  "attrs": {\n    "a": "{,}"\n  },\n  "blocks": [\n    {\n      "type": "b",\n      "labels": [],\n      "attrs": {},\n      "blocks": []\n    }\n  ]\n}',
  );
});

test('what cannot be evaluated is told, all of it', async () => {
  const { stdout, stderr, exitCode } = await parse('a = nope\nb {\n  c = uper("x")\n}\n');
  expect(stdout).toBe('');
  expect(stderr).toContain('f.hcl:1:5: error:');
  expect(stderr).toContain('f.hcl:3:7: error:');
  expect(exitCode).toBe(1);
});

test('mistakes are told as data for programs', async () => {
  const { stdout, stderr, exitCode } = await parse('a = [1 2]\n', '--json');
  expect(JSON.parse(stdout)).toMatchObject({
    diagnostics: [
      {
        severity: 'error',
        summary: 'Missing item separator',
        range: { file: 'f.hcl', start: { line: 1, column: 8 }, end: { line: 1, column: 9 } },
      },
    ],
  });
  expect(stderr).toBe('');
  expect(exitCode).toBe(1);
});

test('a sensitive value is not shown', async () => {
  const { stdout } = await parse('a = sensitive("secret")\n', '--json');
  expect(stdout).toBe('{"attrs":{"a":"(sensitive)"},"blocks":[]}');
});

test('a missing file or bad variables end with 1', async () => {
  const { stderr, exitCode } = await parse('a = 1\n', '--vars', 'nowhere.json');
  expect(stderr).toContain('nowhere.json: ENOENT');
  expect(exitCode).toBe(1);
});
