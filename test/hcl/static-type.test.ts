// The result of a conditional that is not selected is not read, and gives the other one its type where that can be told.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { evaluate } from '../../hcl/evaluate.ts';
import type { HclFunction } from '../../hcl/functions/function.ts';
import { standardFunctions } from '../../hcl/functions/standard.ts';
import { parseExpression } from '../../hcl/parse.ts';
import { SENSITIVE, STRING, stringValue, typeOf } from '../../hcl/values.ts';

function run(hcl: string) {
  const read: string[] = [];
  const secret: HclFunction = {
    name: 'secret',
    description: '',
    parameters: [{ name: 'name', type: STRING, description: '' }],
    returns: STRING,
    examples: [],
    marks: 'own',
    reads: true,
    call: ([name]) => {
      read.push(name?.kind === 'string' ? name.value : '');
      return stringValue('hidden', SENSITIVE);
    },
  };
  const { source, expression, diagnostics } = parseExpression('case.hcl', hcl);
  expect(diagnostics).toEqual([]);
  const result = evaluate(expression, {
    source,
    variables: new Map(),
    functions: new Map([...standardFunctions, ['secret', secret]]),
  });
  return { ...result, read };
}

describe('what is not selected', () => {
  it.each([
    'true ? "a" : secret("x")',
    'false ? secret("x") : "a"',
    'true ? "a" : "b${secret("x")}c"',
    'true ? "a" : upper(secret("x"))',
    'true ? ["a"] : split(",", secret("x"))',
    'true ? { a = "b" } : { a = secret("x") }',
    'true ? "a" : (false ? secret("x") : secret("y"))',
    'true ? "a" : [for each in ["x"] : secret(each)][0]',
    'true ? "a" : jsondecode(secret("x")).deep[secret("y")]',
    'true ? "a" : try(secret("x"), "b")',
    'false ? (true ? secret("x") : "b") : "a"',
  ])('is not read: %s', (hcl) => {
    const { read, diagnostics } = run(hcl);
    expect(diagnostics.map(({ detail }) => detail)).toEqual([]);
    expect(read).toEqual([]);
  });

  it('is not read where the condition itself cannot be told', () => {
    const { read, diagnostics } = run('secret("mode") + 1 == 2 ? secret("x") : secret("y")');
    expect(diagnostics).toHaveLength(1);
    expect(read).toEqual(['mode']);
  });

  it('is not read in any mixture of conditions (property)', () => {
    const { tree } = fc.letrec<{ tree: { hcl: string; reads: string[] } }>((tie) => ({
      tree: fc.oneof(
        { depthSize: 'small' },
        fc.nat(9).map((n) => ({ hcl: `secret("s${n}")`, reads: [`s${n}`] })),
        fc.constant({ hcl: '"plain"', reads: [] as string[] }),
        fc.tuple(fc.boolean(), tie('tree'), tie('tree')).map(([condition, then, otherwise]) => ({
          hcl: `(${condition} ? ${then.hcl} : ${otherwise.hcl})`,
          reads: condition ? then.reads : otherwise.reads,
        })),
        fc.tuple(tie('tree'), tie('tree')).map(([left, right]) => ({
          hcl: `"\${${left.hcl}}-\${${right.hcl}}"`,
          reads: [...left.reads, ...right.reads],
        })),
      ),
    }));
    fc.assert(
      fc.property(tree, ({ hcl, reads }) => {
        expect(run(hcl).read).toEqual(reads);
      }),
    );
  });
});

describe('the type of what is selected', () => {
  it.each([
    // As it is without anything that reads.
    ['true ? 1 : secret("x")', '"1"'],
    ['true ? true : "${secret("x")}!"', '"true"'],
    ['true ? [1, true] : ["a", secret("x")]', '["1", "true"]'],
    ['true ? 1 : (true ? 2 : secret("x"))', '"1"'],
    ['true ? 1 : -length(secret("x"))', '1'],
    ['true ? false : secret("x") == "y"', 'false'],
    ['true ? null : secret("x")', 'null'],
    // Where the type hangs on what would be read, the value stays as it is.
    ['true ? 1 : jsondecode(secret("x"))', '1'],
    ['true ? 1 : try(tonumber(secret("x")), "none")', '1'],
    ['true ? { a = 1 } : { for each in split(",", secret("x")) : each => each }', '{ a = 1 }'],
  ])('of %s is that of %s', (hcl, like) => {
    const { value, diagnostics } = run(hcl);
    expect(diagnostics.map(({ detail }) => detail)).toEqual([]);
    const expected = run(like).value;
    expect([typeOf(value), value]).toEqual([typeOf(expected), expected]);
  });

  it('must be one with that of the other, of which nothing is told', () => {
    const { diagnostics } = run('true ? ["a"] : secret("x")');
    expect(diagnostics[0]?.detail).toBe(
      'Both results of a conditional must be of one type, or convertible to one. Give both the same form.',
    );
  });
});
