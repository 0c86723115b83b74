// Random texts of expressions that mostly parse, so that fuzzing reaches the evaluator and its functions.
import fc from 'fast-check';
import { standardFunctions } from '../../hcl/functions/standard.ts';

const FUNCTIONS = [...standardFunctions.values()];

const LITERALS = [
  '0',
  '1',
  '-1',
  '2',
  '3.5',
  '1e3',
  '1e30',
  '0.1',
  '12345678901234567',
  'true',
  'false',
  'null',
  '""',
  '"a"',
  '"A b"',
  '"true"',
  '"5"',
  '"-3"',
  '","',
  '"/a/"',
  '"[a-z]+"',
  '"(a)"',
  '"%s %d"',
  '"%v"',
  '"2018-01-02T23:12:01Z"',
  '"1h30m"',
  '"YYYY-MM-DD"',
  '"10.0.0.0/8"',
  '"fd00::/8"',
  '"SGVsbG8="',
  '"a,b\\n1,2"',
  '"{\\"a\\": [1]}"',
  '"é☃👾"',
  '"e\\u0301"',
  '"__proto__"',
  '"constructor"',
  '[]',
  '{}',
  '["a", "b"]',
  '[1, 2, 3]',
  '{a = 1, b = "x"}',
  '[[1], ["a"]]',
  '[null]',
  '{__proto__ = 1}',
  'tolist(["a"])',
  'toset(["b", "a"])',
  'tomap({a = "x"})',
];

/** Texts of expressions that name these variables, nested at most `depth` deep. */
export function expressionText({
  names,
  depth,
}: {
  names: readonly string[];
  depth: number;
}): fc.Arbitrary<string> {
  const leaf = fc.oneof(
    fc.constantFrom(...LITERALS),
    fc.constantFrom(...names),
    fc.string({ maxLength: 8 }).map((text) => JSON.stringify(text)),
  );
  const { expression } = fc.letrec<{ expression: string }>((tie) => {
    const inner = tie('expression');
    const name = fc.constantFrom('a', 'b', 'id', '__proto__', 'constructor', ...names);
    return {
      expression: fc.oneof(
        { maxDepth: depth, withCrossShrink: true },
        leaf,
        call(inner),
        call(inner),
        fc
          .tuple(
            inner,
            fc.constantFrom('+', '-', '*', '/', '%', '==', '!=', '<', '>', '<=', '>=', '&&', '||'),
            inner,
          )
          .map(([left, operator, right]) => `(${left} ${operator} ${right})`),
        fc
          .tuple(inner, inner, inner)
          .map(([condition, then, otherwise]) => `(${condition} ? ${then} : ${otherwise})`),
        fc.tuple(fc.constantFrom('-', '!'), inner).map(([operator, operand]) => `${operator}(${operand})`),
        fc.tuple(inner, inner).map(([value, key]) => `(${value})[${key}]`),
        fc.tuple(inner, name).map(([value, key]) => `(${value}).${key}`),
        fc
          .tuple(inner, name, fc.constantFrom('[*]', '.*'))
          .map(([value, key, splat]) => `(${value})${splat}.${key}`),
        inner.map((value) => `(${value})[*]`),
        fc.array(inner, { maxLength: 3 }).map((items) => `[${items.join(', ')}]`),
        fc
          .array(fc.tuple(inner, inner), { maxLength: 3 })
          .map((items) => `{${items.map(([key, value]) => `(${key}) = ${value}`).join(', ')}}`),
        fc
          .array(
            fc.oneof(
              inner.map((value) => `\${${value}}`),
              fc.constantFrom('x', ' ', '-'),
            ),
            { maxLength: 3 },
          )
          .map((parts) => `"${parts.join('')}"`),
        fc
          .tuple(inner, inner, inner)
          .map(
            ([list, value, condition]) => `[for ${names[0] ?? 'v'}, v in ${list}: ${value} if ${condition}]`,
          ),
        fc
          .tuple(inner, inner, inner, fc.constantFrom('', '...'))
          .map(([list, key, value, group]) => `{for k, v in ${list}: ${key} => ${value}${group}}`),
        fc.tuple(inner, inner).map(([list, value]) => `"%{ for k, v in ${list} }\${${value}}%{ endfor }"`),
        fc
          .tuple(inner, inner)
          .map(([condition, value]) => `"%{ if ${condition} }\${${value}}%{ else }-%{ endif }"`),
      ),
    };
  });
  return expression;
}

/** A call with about as many arguments as the function takes. */
function call(inner: fc.Arbitrary<string>): fc.Arbitrary<string> {
  return fc
    .tuple(
      fc.constantFrom(...FUNCTIONS),
      fc.array(inner, { minLength: 4, maxLength: 4 }),
      fc.nat(9),
      fc.boolean(),
    )
    .map(([{ name, parameters }, args, extra, expand]) => {
      const count = Math.min(4, parameters.length + (extra === 0 ? 1 : 0));
      return `${name}(${args.slice(0, count).join(', ')}${expand && extra === 1 && count > 0 ? '...' : ''})`;
    });
}
