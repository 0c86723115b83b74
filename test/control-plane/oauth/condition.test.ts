// Conditions over claims: what they say, and that they are total.
import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { conditionHolds, conditionProblem } from '../../../control-plane/oauth/condition.ts';

const claims = {
  sub: 'repo:acme/shop',
  ref: 'refs/heads/main',
  groups: ['dev', 'ops'],
  count: 3,
  verified: true,
  nested: { deep: 'x' },
  nothing: null,
};

test.each([
  ['claims.sub == "repo:acme/shop"', true],
  ['claims["sub"] == "repo:acme/shop"', true],
  ['claims.sub != "repo:acme/other"', true],
  ['startswith(claims.ref, "refs/heads/")', true],
  ['endswith(claims.ref, "/main")', true],
  ['contains(claims.groups, "ops")', true],
  ['contains(claims.groups, "admin")', false],
  ['contains(["refs/heads/main"], claims.ref)', true],
  ['claims.count == 3 && claims.verified', true],
  ['claims.count == "3"', false],
  ['claims.nested.deep == "x"', true],
  ['(claims.sub == "x" || claims.verified) && !(claims.count == 4)', true],
  // What is missing is neither this nor its opposite.
  ['claims.missing == "x"', false],
  ['claims.missing != "x"', false],
  ['!(claims.missing == "x")', false],
  ['claims.missing == claims.other', false],
  ['!startswith(claims.missing, "x")', false],
  ['!contains(claims.missing, "x")', false],
  ['claims.missing == "x" || claims.verified', true],
  ['claims.missing != "x" && claims.verified', false],
  ['claims.sub != null', true],
  ['claims.missing != null', false],
  ['claims.missing == null', true],
  // An empty start is the start of everything.
  ['startswith(claims.ref, "")', false],
  // Neither lists nor objects are equal to anything.
  ['claims.groups == claims.groups', false],
  ['claims.constructor != null', false],
  ['claims.__proto__ != null', false],
  ['claims.groups[0] == "dev"', true],
  ['claims.sub', false],
])('%s is %s', (condition, holds) => {
  expect(conditionProblem(condition)).toBe(null);
  expect(conditionHolds(condition, claims).holds).toBe(holds);
});

test.each([
  'claims.',
  'claims.a == ',
  'env("X") == "y"',
  'file("/etc/passwd") == ""',
  'claims.a + 1 == 2',
  'claims.a > 1',
  'other.a == "x"',
  '"${claims.a}" == "x"',
  '[for c in claims.groups : c] == "x"',
  'startswith(claims.a)',
  'claims.a ? true : false',
  'contains(claims.groups...)',
  Array.from({ length: 300 }, () => 'claims.a').join(' == '),
])('%s is no condition', (text) => {
  expect(conditionProblem(text)).toEqual(expect.any(String));
  expect(conditionHolds(text, claims).holds).toBe(false);
});

test('whatever the text and the claims are, the answer is yes or no (property)', () => {
  const words = fc.constantFrom(
    ...[
      'claims',
      '.',
      'sub',
      '[',
      ']',
      '"x"',
      '==',
      '!=',
      '&&',
      '||',
      '!',
      '(',
      ')',
      'startswith',
      ',',
      'null',
      '1',
      ' ',
    ],
  );
  fc.assert(
    fc.property(
      fc.array(words, { maxLength: 20 }),
      fc.dictionary(fc.string(), fc.jsonValue()),
      (text, given) => {
        const result = conditionHolds(text.join(''), given);
        expect(typeof result.holds).toBe('boolean');
        if (conditionProblem(text.join('')) !== null) expect(result.holds).toBe(false);
      },
    ),
    { numRuns: 2_000, verbose: 1 },
  );
});
