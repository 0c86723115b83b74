// What an author reads after a mistake, word for word: every expression in golden-eval/ beside what is said of it.
// WAYSIDE_WRITE_GOLDEN=1 writes the texts anew; then they are to be read as someone would who made the mistake.
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { evaluate } from '../../hcl/evaluate.ts';
import { standardFunctions } from '../../hcl/functions/standard.ts';
import { parseExpression } from '../../hcl/parse.ts';
import { renderDiagnostic } from '../../hcl/render-diagnostic.ts';
import { caseVariables } from './evaluation-cases/scope.ts';

const folder = new URL('golden-eval/', import.meta.url);
const names = readdirSync(folder).flatMap((file) => (file.endsWith('.hcl') ? [file.slice(0, -4)] : []));

function said(name: string): string {
  const { source, expression, diagnostics } = parseExpression(
    `${name}.hcl`,
    readFileSync(new URL(`${name}.hcl`, folder), 'utf8'),
  );
  expect(diagnostics).toEqual([]);
  const found = evaluate(expression, {
    source,
    variables: caseVariables,
    functions: standardFunctions,
  }).diagnostics;
  return found.map((diagnostic) => `${renderDiagnostic(diagnostic, { color: false })}\n`).join('\n');
}

it.each(names)('%s', (name) => {
  const golden = new URL(`${name}.txt`, folder);
  if (process.env['WAYSIDE_WRITE_GOLDEN'] === '1') writeFileSync(golden, said(name));
  expect(said(name)).toBe(readFileSync(golden, 'utf8'));
  expect(said(name)).not.toBe('');
});

it('covers at least twenty kinds of mistake', () => {
  expect(names.length).toBeGreaterThanOrEqual(20);
});
