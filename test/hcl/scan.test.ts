import { expect, test } from 'vitest';
import { scan } from '../../hcl/scan.ts';
import { Token } from '../../hcl/tokens.ts';

const names = new Map<number, string>(Object.entries(Token).map(([name, kind]) => [kind, name]));

/** The tokens of a text: the kind, and the text where the kind does not tell it. */
function tokens(
  text: string,
  options: { keepComments?: boolean; mode?: 'expression' | 'bare' } = {},
): string[] {
  const { kinds, starts, ends } = scan(text, { mode: 'expression', keepComments: false, ...options });
  return kinds.map(
    (kind, at) => `${names.get(kind) ?? ''} ${JSON.stringify(text.slice(starts[at], ends[at]))}`,
  );
}

function kinds(text: string): string[] {
  return scan(text, { mode: 'expression', keepComments: false }).kinds.map((kind) => names.get(kind) ?? '');
}

test('names take letters of every script, digits, underscores and dashes', () => {
  expect(tokens('a-b _c é日1 x-')).toEqual([
    'identifier "a-b"',
    'identifier "_c"',
    'identifier "é日1"',
    'identifier "x-"',
    'end ""',
  ]);
  expect(tokens('-a')).toEqual(['minus "-"', 'identifier "a"', 'end ""']);
  expect(kinds('a\u200db')).toEqual(['identifier', 'invalidCharacter', 'identifier', 'end']);
  expect(tokens('𝒳')).toEqual(['identifier "𝒳"', 'end ""']);
});

test('numbers take a fraction and an exponent only with digits behind them', () => {
  expect(tokens('1 2.5 3e4 5E-6 7.8e+9')).toEqual([
    'number "1"',
    'number "2.5"',
    'number "3e4"',
    'number "5E-6"',
    'number "7.8e+9"',
    'end ""',
  ]);
  expect(tokens('1.x')).toEqual(['number "1"', 'dot "."', 'identifier "x"', 'end ""']);
  expect(tokens('1e')).toEqual(['number "1"', 'identifier "e"', 'end ""']);
  expect(tokens('1..2')).toEqual(['number "1..2"', 'end ""']);
  expect(tokens('f(1...)').slice(2)).toEqual([
    'number "1"',
    'ellipsis "..."',
    'closeParenthesis ")"',
    'end ""',
  ]);
  expect(tokens('1.2.3')).toEqual(['number "1.2.3"', 'end ""']);
});

test('the longest operator wins', () => {
  expect(kinds('== => = != ! <= < >= > && || ... . :: :')).toEqual([
    ...['equal', 'arrow', 'assign', 'notEqual', 'bang', 'lessOrEqual', 'less', 'greaterOrEqual', 'greater'],
    ...['and', 'or', 'ellipsis', 'dot', 'doubleColon', 'colon', 'end'],
  ]);
});

test('a line comment is a newline, an inline comment is nothing', () => {
  expect(kinds('a # b\nc // d\n/* e\nf */ g')).toEqual([
    'identifier',
    'newline',
    'identifier',
    'newline',
    'identifier',
    'end',
  ]);
  expect(tokens('a # b\n/* c */', { keepComments: true })).toEqual([
    'identifier "a"',
    'comment "# b\\n"',
    'comment "/* c */"',
    'end ""',
  ]);
});

test('both forms of newline are one token, a lone carriage return is an error', () => {
  expect(tokens('\n\r\n\r')).toEqual([
    'newline "\\n"',
    'newline "\\r\\n"',
    'invalidCharacter "\\r"',
    'end ""',
  ]);
});

test('a byte order mark at the beginning is skipped', () => {
  expect(tokens('\ufeffa')).toEqual(['identifier "a"', 'end ""']);
  expect(kinds('a\ufeff')).toEqual(['identifier', 'invalidCharacter', 'end']);
});

test('templates nest in strings and strings in templates, each with braces of its own', () => {
  expect(kinds('"a${ {b = "${c}"} }d"')).toEqual([
    ...[
      'openQuote',
      'text',
      'openInterpolation',
      'openBrace',
      'identifier',
      'assign',
      'openQuote',
      'openInterpolation',
    ],
    ...[
      'identifier',
      'closeSequence',
      'closeQuote',
      'closeBrace',
      'closeSequence',
      'text',
      'closeQuote',
      'end',
    ],
  ]);
});

test('doubled signs stay text', () => {
  expect(tokens('"$${a} %%{b} $$$${c} $ %"')).toEqual([
    'openQuote "\\""',
    'text "$${a} %%{b} $$$${c} $ %"',
    'closeQuote "\\""',
    'end ""',
  ]);
  expect(tokens('"%${a}"')).toEqual([
    'openQuote "\\""',
    'text "%"',
    'openInterpolation "${"',
    'identifier "a"',
    'closeSequence "}"',
    'closeQuote "\\""',
    'end ""',
  ]);
});

test('strip markers belong to the braces they touch', () => {
  expect(tokens('"${~ a ~}"').slice(1, 4)).toEqual([
    'openInterpolation "${~"',
    'identifier "a"',
    'closeSequence "~}"',
  ]);
  expect(kinds('~}')).toEqual(['invalidOperator', 'closeBrace', 'end']);
});

test('a backslash hides the quote behind it', () => {
  const text = '"a\\"b\\\\"';
  expect(tokens(text)).toEqual([
    'openQuote "\\""',
    `text ${JSON.stringify(text.slice(1, -1))}`,
    'closeQuote "\\""',
    'end ""',
  ]);
});

test('a quote left open ends with its line, and so does all that it left open', () => {
  expect(kinds('"abc\nd')).toEqual(['openQuote', 'text', 'unclosedQuote', 'newline', 'identifier', 'end']);
  expect(kinds('"a ${b "c\nd')).toEqual([
    'openQuote',
    'text',
    'openInterpolation',
    'identifier',
    'openQuote',
    'text',
    'unclosedQuote',
    'newline',
    'identifier',
    'end',
  ]);
  expect(kinds('"${\n"a\n}"')).toEqual([
    'openQuote',
    'openInterpolation',
    'newline',
    'openQuote',
    'text',
    'unclosedQuote',
    'newline',
    'closeSequence',
    'closeQuote',
    'end',
  ]);
});

test('a heredoc ends at the line that holds only its marker', () => {
  expect(tokens('<<E\na\nEx\n E y\n  E  \nb')).toEqual([
    'openHeredoc "<<E\\n"',
    'text "a\\nEx\\n E y\\n"',
    'closeHeredoc "E"',
    'newline "\\n"',
    'identifier "b"',
    'end ""',
  ]);
  expect(kinds('<<-E\nE\n')).toEqual(['openHeredoc', 'closeHeredoc', 'newline', 'end']);
  expect(kinds('<<E\n${a}E\nE\n')).toEqual([
    'openHeredoc',
    'openInterpolation',
    'identifier',
    'closeSequence',
    'text',
    'closeHeredoc',
    'newline',
    'end',
  ]);
});

test('a marker needs the newline behind it', () => {
  expect(kinds('<<E\na\nE')).toEqual(['openHeredoc', 'text', 'unclosedHeredoc', 'end']);
  expect(kinds('<<E')).toEqual(['less', 'less', 'identifier', 'end']);
  expect(kinds('<<E x\n')).toEqual(['less', 'less', 'identifier', 'identifier', 'newline', 'end']);
});

test('what has no meaning becomes an error token and scanning goes on', () => {
  expect(tokens("a & ' ; 😀 b")).toEqual([
    'identifier "a"',
    'invalidOperator "&"',
    `invalidCharacter "'"`,
    'invalidCharacter ";"',
    'invalidCharacter "😀"',
    'identifier "b"',
    'end ""',
  ]);
  expect(kinds('a /* b')).toEqual(['identifier', 'unclosedComment', 'end']);
});

test('a bare template has text where a file has tokens', () => {
  expect(tokens('a "b"\n${c} # d', { mode: 'bare' })).toEqual([
    'text "a \\"b\\"\\n"',
    'openInterpolation "${"',
    'identifier "c"',
    'closeSequence "}"',
    'text " # d"',
    'end ""',
  ]);
});
