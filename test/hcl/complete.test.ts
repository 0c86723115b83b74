// Completions and hovers at a place that `‸` marks in an unfinished agent file.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { complete, hover } from '../../hcl/complete.ts';

function at(marked: string): readonly [text: string, offset: number] {
  return [marked.replace('‸', ''), marked.indexOf('‸')];
}

function labels(marked: string): readonly string[] {
  return complete(...at(marked)).map(({ label }) => label);
}

const inAction = (rest: string): string => `group "prod" {
  action "promote" {
    input "version" {
      type        = string
      description = "Release tag"
    }
    input "canary" { type = bool }
    operation {
      name = "build"
      run { command = ["make"] }
    }
    operation {
      name = "tell"
      http { url = "https://a.internal" }
    }
    ${rest}`;

describe('completions', () => {
  it('offer the blocks of a file, and leave out a block that may stand once and does', () => {
    expect(labels('‸')).toEqual(['agent', 'group']);
    expect(labels('agent {\n}\n‸')).toEqual(['group']);
    expect(labels('‸\nagent {\n}\n')).toEqual(['group']);
  });

  it('offer what is not yet in a body, begun with the same letters', () => {
    expect(labels(inAction('t‸'))).toEqual(['timeout', 'token']);
    expect(labels(inAction('timeout = "1h"\n    t‸'))).toEqual(['token']);
    expect(labels(inAction('t‸\n    timeout = "1h"\n  }\n}'))).toEqual(['token']);
    expect(labels(inAction('inp‸'))).toEqual(['input']);
    expect(labels('group "a" {\n  action "b" {\n    run {\n      ‸\n    }\n  }\n}')).toEqual([
      'command',
      'dir',
      'env',
      'hashes',
      'timeout',
      'docker',
    ]);
  });

  it('insert an attribute with its sign and a block with its labels and braces', () => {
    const [block] = complete(...at(inAction('inp‸')));
    const [attribute] = complete(...at(inAction('tim‸')));
    expect(block?.insert).toBe('input "" {\n}');
    expect(attribute?.insert).toBe('timeout = ');
    const [, offset] = at(inAction('tim‸'));
    expect(attribute?.replace).toEqual({ start: offset - 3, end: offset });
  });

  it('offer the values of an attribute that has few, bare and in quotes', () => {
    const operation = (rest: string): string => inAction(`operation {\n      on_failure = ${rest}`);
    expect(labels(operation('‸'))).toEqual(['"stop"', '"continue"']);
    expect(labels(operation('"‸'))).toEqual(['stop', 'continue']);
    expect(labels(operation('"co‸"'))).toEqual(['continue']);
    expect(labels(inAction('input "x" {\n type = l‸'))).toEqual(['list(string)']);
    expect(labels('agent {\n  secrets "‸')).toEqual(['file', 'env', 'vault']);
  });

  it('offer the inputs of this action and no other, built-in names and functions', () => {
    const command = (rest: string): string => inAction(`run {\n command = [${rest}`);
    expect(labels(command('var.‸'))).toEqual(['version', 'canary']);
    expect(labels(command('"${var.v‸'))).toEqual(['version']);
    expect(labels(command('run.‸'))).toEqual(['id', 'requested_by', 'token']);
    expect(labels(command('va‸'))).toEqual(['var', 'values']);
    expect(labels(command('jsonen‸'))).toEqual(['jsonencode']);
    expect(labels(command('secr‸'))).toEqual(['secret']);
    expect(labels(`${command('"a"]\n}\n}\naction "c" {\nrun {\ncommand = [var.‸')}`)).toEqual([]);
  });

  it('offer the results of earlier operations by their kind', () => {
    const later = (rest: string): string => inAction(`operation {\n status {\n message = ${rest}`);
    expect(labels(later('operation.‸'))).toEqual(['build', 'tell']);
    expect(labels(later('operation.build.‸'))).toEqual(['exit_code', 'output']);
    expect(labels(later('operation.tell.response.‸'))).toEqual(['status', 'headers', 'body']);
    expect(labels(inAction('').replace('["make"]', '[operation.‸]'))).toEqual([]);
  });

  it('offer the names that a `for` gives', () => {
    expect(labels(inAction('run {\n env = { for name, value in var.x : na‸'))).toContain('name');
    expect(labels(inAction('run {\n command = "%{ for host in var.hosts }${ho‸'))).toEqual(['host']);
  });

  it('offer nothing in comments, in literal text and where only literal values can stand', () => {
    expect(labels(inAction('# t‸'))).toEqual([]);
    expect(labels(inAction('run {\n command = "va‸"'))).toEqual([]);
    expect(labels(inAction('timeout = va‸'))).toEqual([]);
    expect(labels('grop "a" {\n ‸')).toEqual([]);
  });

  it('go on after a comment at the end of a line and after an open quote', () => {
    expect(labels(inAction('timeout = "1h" # long\n    run_‸'))).toEqual(['run_as']);
    expect(labels(inAction('timeout = "1h\n    run_‸'))).toEqual(['run_as']);
  });
});

describe('hovers', () => {
  it('explain attributes and blocks, also those that stand once', () => {
    expect(hover(...at(inAction('time‸out = "1h"')))?.documentation).toContain(
      'From accept to end'.toLowerCase(),
    );
    expect(hover(...at('ag‸ent {\n}'))?.documentation).toContain('policy of the private network');
  });

  it('explain inputs, built-in names and functions', () => {
    const run = (rest: string): string => inAction(`run {\n command = [${rest}]\n}\n}\n}`);
    expect(hover(...at(run('var.ver‸sion')))?.documentation).toBe('`var.version (string)`\n\nRelease tag');
    expect(hover(...at(run('run.i‸d')))?.documentation).toContain('id of the run');
    expect(hover(...at(run('up‸per("a")')))?.documentation).toContain('upper(');
    expect(hover(...at(run('env‸("A")')))?.documentation).toContain('env_allow');
  });

  it('say nothing of what is unknown', () => {
    expect(hover(...at(inAction('time‸outt = 1')))).toBeNull();
    expect(hover(...at('  ‸  '))).toBeNull();
  });

  it('cover the whole name', () => {
    const [text, offset] = at(inAction('time‸out = "1h"'));
    const span = hover(text, offset)?.span;
    expect(text.slice(span?.start, span?.end)).toBe('timeout');
  });
});

it('never throws, wherever a text is cut and whatever stands in it', () => {
  const whole = inAction(
    'run {\n command = ["${var.version}", upper("x")] # why\n env = { for k, v in var.m : k => v }\n}\n}\n}',
  );
  const token = fc.constantFrom(
    '{',
    '}',
    '"',
    '${',
    '%{',
    '[',
    ']',
    '=',
    '\n',
    '#',
    '<<A\n',
    'A',
    'var.',
    'group ',
    '(',
  );
  fc.assert(
    fc.property(
      fc.nat(whole.length),
      fc.nat(whole.length),
      fc.array(token, { maxLength: 6 }),
      (cut, place, noise) => {
        const text = whole.slice(0, cut) + noise.join('') + whole.slice(cut);
        expect(Array.isArray(complete(text, place))).toBe(true);
        hover(text, place);
      },
    ),
    { numRuns: 400 },
  );
});
