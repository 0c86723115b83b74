import { describe, expect, test } from 'vitest';
import { objectValue, stringValue } from '../../../hcl/values.ts';
import { actionOf, planText } from '../../support/plan-action.ts';
import type { PlanOptions } from '../../support/plan-action.ts';

function argv(
  command: string,
  {
    inputs = '',
    ...options
  }: Omit<PlanOptions, 'inputs'> & { inputs?: string; given?: Readonly<Record<string, string>> } = {},
): readonly string[] {
  const plan = planText(actionOf(`run {\n command = ${command}\n }`, inputs), {
    ...options,
    ...(options.given === undefined ? {} : { inputs: options.given }),
  });
  if (plan.kind !== 'run') throw new Error(plan.kind);
  return plan.argv.map(({ value }) => value);
}

const input = 'input "x" {}';
const list = 'input "xs" {\n type = list(string)\n }';
const given = (x: string): { inputs: string; given: Record<string, string> } => ({
  inputs: input,
  given: { x: JSON.stringify(x) },
});

describe('a list is argv', () => {
  test('verbatim, whatever an input holds', () => {
    expect(argv('["echo", var.x, "", 3, true, "a b", "$HOME"]', given('; touch f'))).toEqual([
      ...['echo', '; touch f', '', '3', 'true', 'a b', '$HOME'],
    ]);
  });

  test('also when it is put together', () => {
    const options = { inputs: list, given: { xs: '["a","b"]' } };
    expect(argv('concat(["echo", "--"], var.xs)', options)).toEqual(['echo', '--', 'a', 'b']);
    expect(argv('[for x in ["a", "b"] : upper(x)]')).toEqual(['A', 'B']);
    expect(argv('true ? ["a"] : ["b", "c"]')).toEqual(['a']);
    expect(argv('"${["a", "b"]}"')).toEqual(['a', 'b']);
  });

  test.each([
    ['[]', /empty/],
    ['[""]', /empty/],
    ['["a", null]', /null/],
    ['["a", join(",", [null])]', /null/],
    ['["a\\u0000b"]', /NUL/],
    ['""', /empty/],
    ['"a \'b"', /quote/],
  ])('%s is no command', (command, message) => {
    expect(() => argv(command)).toThrow(message);
  });

  test('and a failure names its place in the file', () => {
    expect(() => argv('["a", jsondecode(var.x)]', given('{'))).toThrow(/^agent\.hcl:5:\d+: /);
  });
});

describe('a foreign argument never becomes an option', () => {
  test.each(['-rf', '--delete', '-'])('%s is refused', (x) => {
    expect(() => argv('["rm", var.x]', given(x))).toThrow(
      /Argument 1 comes from an input and begins with "-"/,
    );
  });

  test('unless a literal -- or a literal beginning stands before it', () => {
    expect(argv('["rm", "--", var.x]', given('-rf'))).toEqual(['rm', '--', '-rf']);
    expect(argv('["rm", "--name=${var.x}"]', given('-rf'))).toEqual(['rm', '--name=-rf']);
    expect(argv('["rm", "./${var.x}"]', given('-rf'))).toEqual(['rm', './-rf']);
  });

  test('a -- that came from an input protects nothing', () => {
    const two = 'input "x" {}\n input "y" {}';
    expect(() =>
      argv('["rm", "a", var.x, var.y]', { inputs: two, given: { x: '"--"', y: '"-rf"' } }),
    ).toThrow(/Argument 2/);
  });

  test('in a list that came as a whole', () => {
    const options = { inputs: list, given: { xs: '["a","-rf"]' } };
    expect(() => argv('concat(["rm"], var.xs)', options)).toThrow(/Argument 2/);
    expect(argv('concat(["rm", "--"], var.xs)', options)).toEqual(['rm', '--', 'a', '-rf']);
  });

  test('nor from an earlier answer', () => {
    const text = `group "g" {
      action "a" {
        operation {
          name = "first"
          run {
            command = ["true"]
          }
        }
        operation {
          run {
            command = ["rm", operation.first.output]
          }
        }
      }
    }`;
    const results = { first: objectValue([['output', stringValue('-rf')]]) };
    expect(() => planText(text, { results })).toThrow(/begins with "-"/);
  });

  test("but an option that its author chose by an input is the author's", () => {
    const bool = 'input "x" {\n type = bool\n }';
    expect(
      argv('["deploy", var.x ? "--canary" : "--stable"]', { inputs: bool, given: { x: 'true' } }),
    ).toEqual(['deploy', '--canary']);
    expect(
      argv('["deploy", "%{ if var.x }--canary%{ else }--stable%{ endif }"]', {
        inputs: bool,
        given: { x: 'false' },
      }),
    ).toEqual(['deploy', '--stable']);
    expect(() => argv('["deploy", var.x == "a" ? "--is=${var.x}" : var.x]', given('-b'))).toThrow(
      /begins with "-"/,
    );
    expect(argv('["deploy", var.x == "a" ? "--is=${var.x}" : var.x]', given('a'))).toEqual([
      'deploy',
      '--is=a',
    ]);
  });
});

describe('a text', () => {
  test('without special characters is split into words', () => {
    expect(argv('"./launch.sh --delay 3 \'a b\'"')).toEqual(['./launch.sh', '--delay', '3', 'a b']);
  });

  test('with them is given to the shell as one argument', () => {
    expect(argv('"a | b"')).toEqual(['/bin/sh', '-c', 'a | b']);
  });

  const safe = 'input "x" {\n pattern = "^[a-z]+$"\n }';

  test('R3: takes an input whose every value is a plain word', () => {
    expect(argv('"echo ${var.x} | cat"', { inputs: safe, given: { x: '"abc"' } })).toEqual([
      '/bin/sh',
      '-c',
      'echo abc | cat',
    ]);
    expect(argv('true ? "echo ${var.x}" : "b c"', { inputs: safe, given: { x: '"abc"' } })).toEqual([
      'echo',
      'abc',
    ]);
  });

  test('R3: refuses another one when it comes to run, should one ever get past the loader', () => {
    expect(() => argv('"echo ${var.x}"', { inputs: safe, given: { x: '"a; touch f"' } })).toThrow(
      /not a plain word and would be read by a shell/,
    );
    expect(() => argv('"echo ${var.x}"', { inputs: safe, given: { x: '"-n"' } })).toThrow(/not a plain word/);
  });

  test('R3: runs as the reference does where compatibility lets it in', () => {
    expect(argv('"echo ${var.x}"', { compatibility: true, ...given('x; touch f') })).toEqual([
      '/bin/sh',
      '-c',
      'echo x; touch f',
    ]);
  });
});

test('R10: a number reaches a command with every digit', () => {
  const number = 'input "n" {\n type = number\n }';
  const options = { inputs: number, given: { n: '12345678901234567' } };
  expect(argv('["echo", var.n, var.n + 0.1, "n=${var.n}", 1e30]', options)).toEqual([
    ...['echo', '12345678901234567', '12345678901234567.1', 'n=12345678901234567', `1${'0'.repeat(30)}`],
  ]);
});
