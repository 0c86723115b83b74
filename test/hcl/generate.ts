// Makes HCL of every construct, laid out wildly, and spoils it, from a seed: the inputs of the conformance test.

export type Random = () => number;

/** A small generator of numbers from 0 to below 1; the same seed gives the same numbers. */
export function seeded(seed: number): Random {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
}

export function pick<T>(random: Random, items: readonly T[]): T {
  return items[Math.floor(random() * items.length)] as T;
}

const names = [
  'a',
  'b',
  'foo',
  'in',
  'if',
  'for_',
  'bar-baz',
  'x1',
  'é',
  '日本',
  'true',
  'null',
  'else',
  '_u',
  'endif',
];
const operators = ['+', '-', '*', '/', '%', '==', '!=', '<', '>', '<=', '>=', '&&', '||'];
const blanks = ['', ' ', ' ', ' ', '  ', '\t'];
const newlines = ['', ' ', '\n', '\n\n', '  \n ', ' # c\n', ' // d e\n', '/* f\n g */'];
const texts = ['x', 'text ', '  ', '$', '%', '\\n', '\\"', '$${', '%%{', 'é', '# no', '// no', '{', '}', '~'];

/** A file that is valid syntax. */
export function generateFile(random: Random): string {
  const one = (...items: readonly string[]): string => pick(random, items);
  const blank = (): string => (random() < 0.02 ? '/* c */' : pick(random, blanks));
  const gap = (free: boolean): string => (free ? pick(random, newlines) : blank());
  const name = (): string => pick(random, names);
  const several = (most: number, make: () => string, separator = ''): string =>
    Array.from({ length: Math.floor(random() * (most + 1)) }, make).join(separator);
  const comma = (): string => `${gap(true)},${gap(true)}`;
  const list = (depth: number): string => several(3, () => expression(depth - 1, true), comma());

  const quotedPart = (depth: number): string => {
    const kind = random();
    if (kind < 0.6) return pick(random, texts);
    if (kind < 0.9)
      return one('${', '${~') + gap(true) + expression(depth - 1, true) + gap(true) + one('}', '~}');
    return `%{${one('', '~')} if ${expression(depth - 1, true)} }t%{else}e%{ endif ${one('', '~')}}`;
  };
  const quoted = (depth: number): string => `"${several(3, () => quotedPart(depth))}"`;

  const heredocLine = (depth: number): string =>
    one('  ', '', '    ', '\t') +
    one(
      'text',
      '  # no',
      '{ x',
      '$${q}',
      'a = 1',
      '',
      '%{ if x }%{ endif }',
      '"',
      `\${ ${expression(depth - 1, true)} } z`,
    ) +
    '\n';
  const heredoc = (depth: number): string => {
    const marker = one('E', 'EOT');
    return `<<${one('', '-')}${marker}\n${several(3, () => heredocLine(depth))}${one('', '  ')}${marker}`;
  };

  const item = (depth: number): string =>
    one(name(), '"k"', `(${expression(depth - 1, true)})`, '1', 'a.b') +
    blank() +
    one('=', ':') +
    blank() +
    expression(depth - 1, false) +
    blank() +
    one(',', '\n', '\n\n', ' # c\n', ',\n', ', # d\n');
  const object = (depth: number): string => `{ ${gap(true)}${several(3, () => item(depth))}${blank()}}`;

  const loop = (depth: number): string => {
    const inner = (): string => gap(true) + expression(depth - 1, true) + gap(true);
    const condition = one('', ` if ${expression(depth - 1, true)}`);
    const intro = `for ${name()}${one('', `${comma()}${name()}`)} in ${inner()}:${inner()}`;
    return one(
      `[${gap(true)}${intro}${condition}]`,
      `{${gap(true)}${intro}=>${inner()}${one('', '...')}${condition}}`,
    );
  };

  /** `free` says that newlines are white space here. */
  const expression = (depth: number, free: boolean): string => {
    if (depth <= 0) return one(name(), '1', '2.5', '1e3', 'true', 'null', '"s"', '""');
    const inner = (): string => gap(true) + expression(depth - 1, true) + gap(true);
    const operand = (): string => term(depth - 1, free);
    switch (Math.floor(random() * 14)) {
      case 0:
        return `(${inner()})`;
      case 1:
        return `[${gap(true)}${list(depth)}${gap(true)}]`;
      case 2:
        return object(depth);
      case 3:
        return one('-', '!') + gap(free) + operand();
      case 4:
      case 5:
        return operand() + gap(free) + pick(random, operators) + gap(free) + operand();
      case 6:
        return `${operand()}${gap(free)}?${gap(free)}${operand()}${gap(free)}:${gap(free)}${operand()}`;
      case 7:
        return `${name()}${blank()}(${gap(true)}${list(depth)}${gap(true)})`;
      case 8:
        return `${name()}(${inner()}${one('...', ',')}${gap(true)})`;
      case 9:
        return `${operand()}${blank()}.${blank()}${one(name(), '*', '0')}`;
      case 10:
        return `${operand()}${blank()}[${one('*', inner())}]`;
      case 11:
        return loop(depth);
      default:
        return quoted(depth);
    }
  };
  const term = (depth: number, free: boolean): string =>
    random() < 0.5
      ? one(name(), '1', '"s"', `(${gap(true)}${expression(depth, true)})`)
      : expression(depth, free);

  const attributeName = (): string => name() + String(Math.floor(random() * 10_000));
  const bodyItem = (depth: number): string => {
    switch (Math.floor(random() * 8)) {
      case 0:
        return `${blank()}${attributeName()}${blank()}=${blank()}${heredoc(2)}\n`;
      case 1:
        if (depth === 0) return '\n';
        return `${blank()}${name()} ${several(2, () => one('"l" ', 'lab ', '"é"'))}${blank()}{${one('', ' ', '# c')}\n${body(depth - 1)}${blank()}}${one('', ' # c')}\n`;
      case 2:
        return `${blank()}${name()}${blank()}{${blank()}${one('', `${name()}${blank()}=${blank()}${expression(1, false)}${blank()}`)}}\n`;
      case 3:
        return `${blank()}${one('# comment', '// c2 ', '/* c3 */', '/* c4\n c5 */', '')}\n`;
      default:
        return `${blank()}${attributeName()}${blank()}=${blank()}${expression(3, false)}${blank()}${one('', '', '# c', '// c  ', '/* c */')}\n`;
    }
  };
  const body = (depth: number): string => several(5, () => bodyItem(depth));
  return body(2);
}

const fragments = [
  ...[
    '{',
    '}',
    '[',
    ']',
    '(',
    ')',
    '"',
    '${',
    '%{',
    '~}',
    '\n',
    '=',
    '==',
    ',',
    '.',
    '...',
    ':',
    '=>',
    '?',
    '-',
    '!',
    '*',
  ],
  ...[
    '/',
    '#',
    '//',
    '/*',
    '*/',
    '<<E\n',
    'E\n',
    '\\',
    '$',
    '%',
    '~',
    '&',
    '|',
    "'",
    'for ',
    'in ',
    'if ',
    '1',
    '0.5',
  ],
  ...[
    'a',
    'b = 1\n',
    '"x"',
    '\r',
    '\r\n',
    '\t',
    ' ',
    ';',
    '`',
    '^',
    '@',
    '\u00a0',
    'é',
    '😀',
    '\\n',
    '\\u12',
    'endif',
  ],
  ...['else', '--', '1e5', '_', '\u0000', '\u0301', '\u200b'],
];

/** The text with up to three mistakes: something put in, left out, exchanged or repeated elsewhere. */
export function mutate(random: Random, text: string): string {
  let mutant = [...text];
  for (let count = 1 + Math.floor(random() * 3); count > 0; count--) {
    const from = Math.floor(random() * (mutant.length + 1));
    const to = Math.min(mutant.length, from + Math.floor(random() * 6));
    const elsewhere = Math.floor(random() * (mutant.length + 1));
    const fragment = pick(random, fragments);
    mutant = pick(random, [
      [...mutant.slice(0, from), fragment, ...mutant.slice(from)],
      [...mutant.slice(0, from), ...mutant.slice(to)],
      [...mutant.slice(0, from), fragment, ...mutant.slice(to)],
      [...mutant.slice(0, elsewhere), ...mutant.slice(from, to), ...mutant.slice(elsewhere)],
    ]);
  }
  return mutant.join('');
}
