// `wayside-agent lint` as its users call it.
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { openFolder } from '../../support/folder.ts';
import { spawnAgent } from '../other-side/process.ts';

const good = 'group "prod" {\n  action "a" {\n    run {\n      command = ["true"]\n    }\n  }\n}\n';
const bad = `group "prod" {
  action "a" {
    run {
      command = ["echo", var.nothing]
      timout  = "3s"
    }
  }
  actoin "b" {
  }
}
`;
const lint = (...args: readonly string[]) => spawnAgent(['lint', ...args]).finished;

test('shows every error at once, with place and source line, and answers 1', async () => {
  using folder = openFolder();
  const path = join(folder.path, 'bad.hcl');
  writeFileSync(path, bad);
  const { code, stdout } = await lint(path);
  expect(code).toBe(1);
  expect(stdout).toContain(`${path}:5:7: error: `);
  expect(stdout).toContain(`${path}:8:3: error: `);
  expect(stdout).toContain('      timout  = "3s"');
  expect(stdout).toContain('^^^^^^');
  expect(stdout).toMatch(/bad\.hcl: \d+ errors\./);
});

test('says what a good file has, and answers 0', async () => {
  using folder = openFolder();
  writeFileSync(join(folder.path, 'a.hcl'), good);
  mkdirSync(join(folder.path, 'empty'));
  expect(await lint(folder.path)).toMatchObject({
    code: 0,
    stdout: expect.stringContaining('1 action in 1 group, no errors') as string,
  });
  expect(await lint(join(folder.path, 'empty'))).toMatchObject({
    code: 1,
    stderr: expect.stringContaining('no *.hcl') as string,
  });
});

test('tells programs the same as JSON', async () => {
  using folder = openFolder();
  const path = join(folder.path, 'bad.hcl');
  writeFileSync(path, bad);
  const { code, stdout } = await lint(path, '--json');
  const { diagnostics } = JSON.parse(stdout) as {
    diagnostics: { severity: string; range: { file: string } }[];
  };
  expect(code).toBe(1);
  expect(diagnostics.filter(({ severity }) => severity === 'error').length).toBeGreaterThan(1);
  expect(diagnostics[0]?.range.file).toBe(path);
});

test('loads files of the reference agent with the compatibility switch', async () => {
  using folder = openFolder();
  const path = join(folder.path, 'old.hcl');
  writeFileSync(
    path,
    'group "prod" {\n  action "a" {\n    run {\n      command = "echo ${var.v} | cat"\n    }\n  }\n}\n',
  );
  expect((await lint(path)).code).toBe(1);
  expect((await lint(path, '--compatibility', 'hcp')).code).toBe(0);
});
