// `wayside hcl fmt` as a process: what it writes, prints, and ends with.
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { execa } from 'execa';
import { afterAll, beforeAll, expect, test } from 'vitest';

const entry = fileURLToPath(new URL('hcl-files-entry.ts', import.meta.url));
let folder = '';

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'wayside-fmt-'));
});
afterAll(() => {
  rmSync(folder, { recursive: true });
});

async function fmt(args: readonly string[], input = '') {
  const { stdout, stderr, exitCode } = await execa(entry, ['hcl', 'fmt', ...args], {
    reject: false,
    cwd: folder,
    input,
    env: { NO_COLOR: '1', FORCE_COLOR: '0' },
    node: true,
    nodePath: process.execPath,
    stripFinalNewline: false,
  });
  return { stdout, stderr, exitCode };
}

function write(name: string, text: string | Uint8Array): void {
  writeFileSync(join(folder, name), text);
}

function read(name: string): string {
  return readFileSync(join(folder, name), 'utf8');
}

test('files are formatted in place, and the names of those that changed are printed', async () => {
  write('a.hcl', 'a=1\nbbb=2\n');
  write('b.hcl', 'a = 1\n');
  expect(await fmt(['a.hcl', 'b.hcl'])).toEqual({ stdout: 'a.hcl\n', stderr: '', exitCode: 0 });
  expect(read('a.hcl')).toBe('a   = 1\nbbb = 2\n');
  expect(await fmt(['a.hcl', 'b.hcl'])).toEqual({ stdout: '', stderr: '', exitCode: 0 });
});

test('standard input goes to standard output', async () => {
  expect(await fmt(['-'], 'a=1\n')).toEqual({ stdout: 'a = 1\n', stderr: '', exitCode: 0 });
  expect(await fmt(['-'], 'a = 1')).toEqual({ stdout: 'a = 1', stderr: '', exitCode: 0 });
});

test('a check changes nothing and ends with 3 when something would change', async () => {
  write('c.hcl', 'c=1\n');
  expect(await fmt(['--check', 'c.hcl'])).toEqual({ stdout: 'c.hcl\n', stderr: '', exitCode: 3 });
  expect(read('c.hcl')).toBe('c=1\n');
  expect(await fmt(['--check', '-'], 'a = 1\n')).toEqual({ stdout: '', stderr: '', exitCode: 0 });
  expect(await fmt(['--check', '-'], 'a=1\n')).toEqual({ stdout: '-\n', stderr: '', exitCode: 3 });
});

test('a diff shows what would change and changes nothing', async () => {
  const lines = Array.from({ length: 20 }, (_, index) => `l${String(index)} {\n}\n`).join('');
  write('d.hcl', `a=1\n${lines}b=2`);
  const { stdout, exitCode } = await fmt(['--diff', 'd.hcl']);
  expect(stdout).toBe(
    [
      '--- d.hcl',
      '+++ d.hcl',
      '@@ -1,4 +1,4 @@',
      '-a=1',
      '+a = 1',
      ' l0 {',
      ' }',
      ' l1 {',
      '@@ -39,4 +39,4 @@',
      ' }',
      ' l19 {',
      ' }',
      '-b=2',
      '\\ No newline at end of file',
      '+b = 2',
      '\\ No newline at end of file',
      '',
    ].join('\n'),
  );
  expect(exitCode).toBe(0);
  expect(read('d.hcl')).toMatch(/^a=1\n/);
  expect((await fmt(['--diff', '--check', 'd.hcl'])).exitCode).toBe(3);
});

test('a diff can be applied', async () => {
  write('p.hcl', 'x {\na=1\nbbb=[\n1,\n2 ]\n}\n# c\ny="z"\n');
  const { stdout } = await fmt(['--diff', 'p.hcl']);
  await execa('git', ['apply', '-p0'], { cwd: folder, input: stdout, stripFinalNewline: false });
  expect(await fmt(['--check', 'p.hcl'])).toEqual({ stdout: '', stderr: '', exitCode: 0 });
});

test('a file with mistakes stays as it is, and the others are formatted', async () => {
  write('bad.hcl', 'a=[1 2]\n');
  write('good.hcl', 'a=1\n');
  const { stdout, stderr, exitCode } = await fmt(['bad.hcl', 'good.hcl']);
  expect(stdout).toBe('good.hcl\n');
  expect(stderr).toContain('bad.hcl:1:6: error: Missing item separator');
  expect(exitCode).toBe(1);
  expect(read('bad.hcl')).toBe('a=[1 2]\n');
});

test('a folder stands for its files, and what cannot be read is told', async () => {
  mkdirSync(join(folder, 'sub'));
  write('sub/one.hcl', 'a=1\n');
  write('sub/two.txt', 'a=1\n');
  write('latin.hcl', Uint8Array.of(0x61, 0x3d, 0x22, 0xe9, 0x22, 0x0a));
  expect(await fmt(['sub'])).toEqual({ stdout: `${join('sub', 'one.hcl')}\n`, stderr: '', exitCode: 0 });
  expect(read('sub/two.txt')).toBe('a=1\n');
  const { stderr, exitCode } = await fmt(['missing.hcl', 'latin.hcl']);
  expect(stderr).toContain('missing.hcl: ENOENT');
  expect(stderr).toContain('latin.hcl: the file is not valid UTF-8.');
  expect(exitCode).toBe(1);
});

test('programs get one JSON object', async () => {
  write('j.hcl', 'a=1\n');
  write('k.hcl', 'a=\n');
  const { stdout, exitCode } = await fmt(['--json', '--check', 'j.hcl', 'k.hcl', 'missing.hcl']);
  const told = JSON.parse(stdout) as {
    changed: string[];
    diagnostics: { range: { file: string } }[];
    errors: { name: string }[];
  };
  expect(told.changed).toEqual(['j.hcl']);
  expect(told.diagnostics.map(({ range }) => range.file)).toEqual(['k.hcl']);
  expect(told.errors.map(({ name }) => name)).toEqual(['missing.hcl']);
  expect(exitCode).toBe(1);
});
