// Bodies against a schema: the typed value, and what is said about everything that does not fit.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { flag, text, wholeNumber } from '../../hcl/agent-file/kinds.ts';
import type { Diagnostic } from '../../hcl/diagnostic.ts';
import { positionOf } from '../../hcl/diagnostic.ts';
import { parseFile } from '../../hcl/parse.ts';
import { attribute, blockSchema, decodeBody, didYouMean, listed, readerOf } from '../../hcl/schema.ts';

const inner = blockSchema({
  docs: 'Inside.',
  labels: [{ name: 'kind', docs: 'the kind', values: ['red', 'blue'] }],
  attributes: { depth: attribute({ kind: wholeNumber({ min: 0, max: 9 }), docs: 'How deep.' }) },
  blocks: {},
});

const schema = {
  docs: 'A thing.',
  attributes: {
    name: attribute({ kind: text({ max: 5 }), docs: 'Its name.', required: true }),
    open: attribute({ kind: flag, docs: 'Whether.' }),
  },
  blocks: {
    inner,
    only: blockSchema({ docs: 'Once.', labels: [], once: true, attributes: {}, blocks: {} }),
  },
} as const;

function decode(source: string) {
  const { source: parsed, body, diagnostics } = parseFile('t.hcl', source);
  const found: Diagnostic[] = [...diagnostics];
  const reader = readerOf(parsed, found);
  const decoded = decodeBody(body, schema, { reader, title: 'A thing', header: { start: 0, end: 0 } });
  const says = found.map(({ code, span, detail }) => {
    const { line, column } = positionOf(parsed, span.start);
    return { code, at: `${line}:${column}`, detail };
  });
  return { decoded, says };
}

describe('a body that fits', () => {
  it('gives its values, typed, with blocks in order and labels', () => {
    const { decoded, says } = decode(
      'name = "a"\nopen = true\ninner "red" {\n  depth = 3\n}\ninner "blue" {\n}\n',
    );
    expect(says).toEqual([]);
    const { name, open } = decoded.values;
    const typed: readonly [string | undefined, boolean | undefined] = [name, open];
    expect(typed).toEqual(['a', true]);
    expect(decoded.blocks.inner.map(({ labels, values }) => [labels[0]?.value, values.depth])).toEqual([
      ['red', 3],
      ['blue', undefined],
    ]);
    expect(decoded.nodes.name?.nameSpan.start).toBe(0);
  });
});

describe('a body that does not', () => {
  it.each([
    ['', [['missing_attribute', '1:1', 'A thing needs the attribute `name` (string).']]],
    ['name = "abcdef"\n', [['wrong_value', '1:8', 'The text may have 5 characters at the most; it has 6.']]],
    [
      'name = "a"\nopen = "maybe"\n',
      [['wrong_value', '2:8', 'Here a bool is required, and "maybe" is neither "true" nor "false".']],
    ],
    [
      'name = "a"\nopn = true\n',
      [['unknown_attribute', '2:1', 'A thing has no attribute `opn`. Did you mean `open`?']],
    ],
    [
      'name = "a"\nzzzz = 1\n',
      [
        [
          'unknown_attribute',
          '2:1',
          'A thing has no attribute `zzzz`. There is `name`, `open`, `inner` and `only`.',
        ],
      ],
    ],
    [
      'name = "a"\ninner = 1\n',
      [['unknown_attribute', '2:1', '`inner` is a block: write `inner { … }` without an equals sign.']],
    ],
    [
      'name = "a"\nopen {\n}\n',
      [['unknown_block', '2:1', '`open` is an attribute: write `open = …` with an equals sign.']],
    ],
    [
      'name = "a"\ninnr "red" {\n}\n',
      [['unknown_block', '2:1', 'A thing has no block `innr`. Did you mean `inner`?']],
    ],
    [
      'name = "a"\ninner {\n}\n',
      [['missing_label', '2:1', 'Write the kind in quotes after it: `inner "…" {`.']],
    ],
    [
      'name = "a"\ninner "red" "b" {\n}\n',
      [['unexpected_label', '2:13', 'An `inner` block takes only a kind.']],
    ],
    ['name = "a"\nonly "x" {\n}\n', [['unexpected_label', '2:6', 'An `only` block takes no label.']]],
    [
      'name = "a"\ninner "rad" {\n}\n',
      [['unknown_label', '2:7', 'The kind is one of `red` and `blue`. Did you mean `red`?']],
    ],
    [
      'name = "a"\nonly {\n}\nonly {\n}\n',
      [['repeated_block', '4:1', 'A thing has one `only` at the most.']],
    ],
    [
      'name = "a"\ninner "red" {\n  depth = 10\n}\n',
      [['wrong_value', '3:11', 'A whole number from 0 to 9 is needed here.']],
    ],
    [
      'name = "a"\ninner "red" {\n  depth = 1.5\n}\n',
      [['wrong_value', '3:11', 'A whole number from 0 to 9 is needed here.']],
    ],
    [
      'name = null\n',
      [['wrong_value', '1:8', 'A string is needed here, not null. Leave the attribute out.']],
    ],
    [
      'name = var.x\n',
      [
        [
          'not_constant',
          '1:8',
          'This attribute is read when the file is loaded: only literal values may stand here.',
        ],
      ],
    ],
    [
      'name = env("X")\n',
      [
        [
          'not_constant',
          '1:8',
          'This attribute is read when the file is loaded: only literal values may stand here.',
        ],
      ],
    ],
    [
      'name = try(var.x, "a")\n',
      [
        [
          'not_constant',
          '1:12',
          'This attribute is read when the file is loaded: only literal values may stand here.',
        ],
      ],
    ],
  ])('%j is told what is wrong', (source, expected) => {
    expect(decode(source).says.map(({ code, at, detail }) => [code, at, detail])).toEqual(expected);
  });

  it('is told everything at once', () => {
    const { says } = decode('nam = 1\nopen = 7\ninner "x" {\n}\nonly {\n  a = 1\n}\n');
    expect(says.map(({ code }) => code).sort()).toEqual(
      ['missing_attribute', 'unknown_attribute', 'unknown_attribute', 'unknown_label', 'wrong_value'].sort(),
    );
  });

  it('may use names that every object has', () => {
    const { says } = decode('name = "a"\n__proto__ = 1\nconstructor = 2\ntoString {\n}\n');
    expect(says.map(({ code }) => code)).toEqual(['unknown_attribute', 'unknown_attribute', 'unknown_block']);
  });

  it('never makes the decoder throw', () => {
    const word = fc.constantFrom(
      'name',
      'open',
      'inner',
      'only',
      '=',
      '{',
      '}',
      '\n',
      '"red"',
      '3',
      'true',
      'var.x',
      '[',
      ']',
      '"',
      '${',
      '}',
    );
    fc.assert(
      fc.property(fc.array(word, { maxLength: 30 }), (words) => {
        decode(words.join(' '));
      }),
      { numRuns: 500 },
    );
  });
});

describe('names in sentences', () => {
  it('are listed', () => {
    expect(listed([])).toBe('');
    expect(listed(['a'])).toBe('`a`');
    expect(listed(['a', 'b', 'c'])).toBe('`a`, `b` and `c`');
  });

  it('are suggested when near, told when few, and left out when many', () => {
    expect(didYouMean('tiemout', ['timeout', 'dir'])).toBe(' Did you mean `timeout`?');
    expect(didYouMean('zzz', ['timeout', 'dir'])).toBe(' There is `timeout` and `dir`.');
    expect(
      didYouMean(
        'zzz',
        'abcdefghijk'.split('').map((letter) => letter.repeat(9)),
      ),
    ).toBe('');
  });
});
