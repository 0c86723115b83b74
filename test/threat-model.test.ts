// The threat model names tests. They have to be there, and no threat of the list may be left out.
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';

const root = join(import.meta.dirname, '..');
const page = readFileSync(join(root, 'docs/threat-model.md'), 'utf8');

test('every test and example that the threat model names is there', () => {
  const named = [...page.matchAll(/`((?:test|examples)\/[^`]+)`/g)].map(([, path = '']) => path);
  expect(named.length).toBeGreaterThan(40);
  expect(named.filter((path) => globSync(path, { cwd: root }).length === 0)).toEqual([]);
});

test('each of the twenty threats has what is done, and what shows it', () => {
  const rows = page.split('\n').filter((line) => /^\| T\d+ \|/.test(line));
  expect(rows.map((row) => row.split(' | ')[0])).toEqual(
    Array.from({ length: 20 }, (_, index) => `| T${index + 1}`),
  );
  for (const row of rows) {
    const [, , does = '', shown = ''] = row.split(' | ');
    expect(does.length, row).toBeGreaterThan(40);
    expect(shown, row).toMatch(/`test\//);
  }
});
