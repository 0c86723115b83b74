// The conformance table of the evaluator, row by row, and what holds for every function of the language.
import { describe, expect, it } from 'vitest';
import { evaluate } from '../../hcl/evaluate.ts';
import type { Evaluated } from '../../hcl/evaluate.ts';
import { standardFunctions } from '../../hcl/functions/standard.ts';
import { valueToJson } from '../../hcl/json.ts';
import { parseExpression } from '../../hcl/parse.ts';
import { access } from './evaluation-cases/access.ts';
import { conversions } from './evaluation-cases/conversions.ts';
import { forAndTemplates } from './evaluation-cases/for-and-templates.ts';
import { functions } from './evaluation-cases/functions.ts';
import { literals } from './evaluation-cases/literals.ts';
import { operators } from './evaluation-cases/operators.ts';
import { caseVariables } from './evaluation-cases/scope.ts';

const sections = [...literals, ...access, ...operators, ...forAndTemplates, ...conversions, ...functions];

function run(hcl: string): Evaluated {
  const { source, expression, diagnostics } = parseExpression('case.hcl', hcl);
  expect(diagnostics.map(({ summary }) => summary)).toEqual([]);
  return evaluate(expression, { source, variables: caseVariables, functions: standardFunctions });
}

describe.each(sections)('$from: $section', ({ rows }) => {
  it.each(rows.map(([hcl, expected, kind]) => ({ hcl, expected, kind })))(
    '$hcl',
    ({ hcl, expected, kind }) => {
      const { value, diagnostics } = run(hcl);
      if (typeof expected !== 'string') {
        expect(diagnostics.map(({ summary }) => summary)).toContain(expected.summary);
        expect(value.kind).toBe('null');
        return;
      }
      expect(diagnostics.map(({ summary, detail }) => `${summary}: ${detail}`)).toEqual([]);
      expect(valueToJson(value)).toBe(expected);
      if (kind !== undefined) expect(value.kind).toBe(kind);
    },
  );
});

it('has at least 400 rows, no expression twice in one section', () => {
  expect(sections.flatMap(({ rows }) => rows).length).toBeGreaterThanOrEqual(400);
  for (const { rows } of sections) expect(new Set(rows.map(([hcl]) => hcl)).size).toBe(rows.length);
});

const NAMES = `abs ceil floor max min parseint pow signum chomp endswith format formatlist indent join lower replace regex
  regexall split startswith strrev substr title trim trimprefix trimsuffix trimspace upper alltrue anytrue chunklist
  coalesce coalescelist compact concat contains distinct element flatten index keys length lookup merge one range reverse
  setintersection setproduct setsubtract setunion slice sort sum transpose values zipmap base64decode base64encode
  csvdecode jsondecode jsonencode urlencode yamldecode yamlencode formatdate timeadd timecmp md5 sha1 sha256 sha512 tobool
  tolist tomap tonumber toset tostring try can cidrhost cidrnetmask cidrsubnet sensitive nonsensitive`;

describe('the functions of the language', () => {
  it('are exactly those of the design, each under its own name', () => {
    expect([...standardFunctions.keys()].sort()).toEqual(NAMES.split(/\s+/).sort());
    for (const [name, one] of standardFunctions) expect(one.name).toBe(name);
  });

  it.each([...standardFunctions.values()].flatMap(({ examples }) => examples))(
    '$call is $result',
    ({ call, result }) => {
      const made = run(call);
      const documented = run(result);
      expect(made.diagnostics).toEqual([]);
      expect(documented.diagnostics).toEqual([]);
      expect(valueToJson(made.value)).toBe(valueToJson(documented.value));
    },
  );

  it.each([...standardFunctions.values()])('$name is documented', ({ description, parameters, examples }) => {
    expect(description).toMatch(/^[A-Z].*[^.]$/s);
    expect(examples.length).toBeGreaterThan(0);
    for (const [at, parameter] of parameters.entries()) {
      expect(parameter.description).toMatch(/^[^A-Z].*[^.]$/s);
      expect(parameter.variadic === true && at < parameters.length - 1).toBe(false);
    }
  });
});
