import { expect, test } from 'vitest';
import { actionOf, planText } from '../../support/plan-action.ts';

const declared =
  'input "m" {\n type = map(string)\n key_pattern = "^[A-Z_][A-Z_0-9]*$"\n default = {}\n }\n input "x" {\n default = ""\n }';

function env(
  expression: string,
  inputs: Readonly<Record<string, string>> = {},
): Readonly<Record<string, string>> {
  const plan = planText(actionOf(`run {\n command = ["true"]\n env = ${expression}\n }`, declared), {
    inputs,
  });
  if (plan.kind !== 'run') throw new Error(plan.kind);
  return Object.fromEntries([...plan.env].map(([name, { value }]) => [name, value]));
}

test('values are texts, whatever an input holds; null is left out', () => {
  expect(env('{ A = var.x, N = 3, B = true, GONE = null }', { x: '"a; b\\n$c"' })).toEqual({
    A: 'a; b\n$c',
    N: '3',
    B: 'true',
  });
});

test('a map that someone else filled sets ordinary variables', () => {
  expect(env('var.m', { m: '{"REGION":"x"}' })).toEqual({ REGION: 'x' });
});

test.each([
  ...[
    'LD_PRELOAD',
    'LD_LIBRARY_PATH',
    'DYLD_INSERT_LIBRARIES',
    'PATH',
    'BASH_ENV',
    'ENV',
    'IFS',
    'NODE_OPTIONS',
  ],
  ...[
    'PYTHONPATH',
    'PYTHONSTARTUP',
    'PERL5LIB',
    'PERL5OPT',
    'RUBYOPT',
    'GIT_SSH_COMMAND',
    'GIT_EXTERNAL_DIFF',
  ],
])('but never %s, alone or merged', (name) => {
  const inputs = { m: JSON.stringify({ [name]: 'x' }) };
  expect(() => env('var.m', inputs)).toThrow(`An input may not set ${name}`);
  expect(() => env('merge({ A = "1" }, var.m)', inputs)).toThrow(`An input may not set ${name}`);
  expect(() => env('{ for k, v in var.m : k => v }', inputs)).toThrow(`An input may not set ${name}`);
});

test('which a file may set literally', () => {
  expect(env('{ PATH = "/opt/bin", GIT_TERMINAL_PROMPT = "0" }')).toEqual({
    PATH: '/opt/bin',
    GIT_TERMINAL_PROMPT: '0',
  });
});

test.each([
  '{ for n in ["a b"] : n => "x" }',
  '{ for n in ["1A"] : n => "x" }',
  '{ A = jsondecode("[\\"${waypoint.run_id}\\"]") }',
  '{ A = "\\u0000" }',
])('%s is no environment', (expression) => {
  expect(() => env(expression)).toThrow(/agent\.hcl:/);
});
