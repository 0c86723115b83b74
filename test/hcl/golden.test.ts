// What people read about their mistakes: each file in golden/syntax is one kind, and beside it is what we say about it.
// With WAYSIDE_UPDATE=1 the expected texts are written anew; read them as a newcomer would before you commit them.
import { existsSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { parseFile } from '../../hcl/parse.ts';
import { renderDiagnostic } from '../../hcl/render-diagnostic.ts';

const folder = join(import.meta.dirname, 'golden/syntax');
const names = readdirSync(folder).filter((name) => name.endsWith('.hcl'));

test('there are at least 60 kinds of mistake', () => {
  expect(names.length).toBeGreaterThanOrEqual(60);
});

test.each(names)('%s', (name) => {
  const { diagnostics } = parseFile(name, readFileSync(join(folder, name), 'utf8'));
  const rendered = diagnostics
    .map((diagnostic) => `${renderDiagnostic(diagnostic, { color: false })}\n`)
    .join('\n');
  expect(rendered).not.toBe('');
  const expectedPath = join(folder, name.replace(/\.hcl$/, '.txt'));
  if (process.env.WAYSIDE_UPDATE !== undefined) writeFileSync(expectedPath, rendered);
  expect(rendered).toBe(existsSync(expectedPath) ? readFileSync(expectedPath, 'utf8') : 'no expected text');
});
