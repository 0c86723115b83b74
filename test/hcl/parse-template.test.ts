import { expect, test } from 'vitest';
import type { TemplatePart } from '../../hcl/ast.ts';
import { parseFile } from '../../hcl/parse.ts';
import { pick, seeded } from './generate.ts';
import type { Random } from './generate.ts';
import { referenceValue, referenceVerdict } from './oracle.ts';
import { sketchParts } from './sketch.ts';

function partsOf(text: string): readonly TemplatePart[] {
  const { body, diagnostics } = parseFile('test.hcl', text);
  expect(diagnostics.map(({ summary, detail }) => `${summary}: ${detail}`)).toEqual([]);
  const template = body.attributes[0]?.expression;
  if (template?.node !== 'template') throw new Error('not a template');
  return template.parts;
}

function template(written: string): string {
  return sketchParts(partsOf(`a = ${written}\n`));
}

test.each([
  // Text and escapes
  ['""', ''],
  ['"a"', '"a"'],
  ['"\\n\\r\\t\\"\\\\"', '"\\n\\r\\t\\"\\\\"'],
  ['"\\u00e9\\u4E2d\\U0001F600"', '"é中😀"'],
  ['"a\tb"', '"a\\tb"'],
  ['"$${a}%%{b}"', '"${a}%{b}"'],
  ['"$$${a}$$$${b}"', '"$${a}$$${b}"'],
  ['"$ $$ % %% $a {}"', '"$ $$ % %% $a {}"'],
  // Sequences
  ['"${a}"', 'a'],
  ['"a ${b} c"', '"a " b " c"'],
  ['"$${a}${b}"', '"${a}" b'],
  ['"%${a}"', '"%" a'],
  ['"${"${a}"}"', 'quoted[a]'],
  ['"${\n a\n}"', 'a'],
  // Directives
  ['"%{ if a }b%{ endif }"', 'if a then "b" end'],
  ['"%{ if a }b%{ else }c%{ endif }"', 'if a then "b" else "c" end'],
  ['"%{ if a }%{ else }%{ endif }"', 'if a then  else  end'],
  ['"%{ for a in b }${a}%{ endfor }"', 'for a in b do a end'],
  ['"%{ for a, b in c }x%{ endfor }"', 'for a, b in c do "x" end'],
  ['"%{ for a in b }%{ if a }x%{ endif }%{ endfor }y"', 'for a in b do if a then "x" end end "y"'],
  // Strip markers
  ['"a  ${~ b ~}  c"', '"a" b "c"'],
  ['"a  ${~ b}  c"', '"a" b "  c"'],
  ['"\\n ${~ a ~}\\t\\n"', 'a'],
  ['"\u00a0 ${~ a}"', 'a'],
  ['"${a ~}${" b"}"', 'a quoted[" b"]'],
  ['"a %{~ if b ~} c %{~ else ~} d %{~ endif ~} e"', '"a" if b then "c" else "d" end "e"'],
])('the quoted template %s means %s', (written, sketched) => {
  expect(template(written)).toBe(sketched);
});

test.each([
  ['<<E\na\n  b\nE', '"a\\n  b\\n"'],
  ['<<E\nE', ''],
  ['<<E\n\nE', '"\\n"'],
  ['<<E\n\\n "q" # c\nE', '"\\\\n \\"q\\" # c\\n"'],
  ['<<E\n$${a} ${b}\nE', '"${a} " b "\\n"'],
  ['<<E\na\r\nE', '"a\\r\\n"'],
  ['<<E\n${a ~}\n  b\nE', 'a "  b\\n"'],
  ['<<E\na\n  ${~ b}\nE', '"a\\n" b "\\n"'],
  // Flush: what all lines share goes, the marker's own indentation does not count
  ['<<-E\n    a\n  b\n   c\n      E', '"  a\\nb\\n c\\n"'],
  ['<<-E\n\t\ta\n\tb\nE', '"\\ta\\nb\\n"'],
  ['<<-E\n    ${a}\n      b\nE', 'a "\\n  b\\n"'],
  ['<<-E\n    a\n${b}\n    c\nE', '"    a\\n" b "\\n    c\\n"'],
  ['<<-E\n    a ${b}\n  c\nE', '"  a " b "\\nc\\n"'],
  ['<<-E\n    a\n\n  \n    b\nE', '"a\\n\\n  \\nb\\n"'],
])('the heredoc %j means %s', (written, sketched) => {
  expect(template(written)).toBe(sketched);
});

test('parts know where they stand', () => {
  const text = 'a = "b ${c} d"\n';
  expect(partsOf(text).map(({ start, end }) => text.slice(start, end))).toEqual(['b ', '${c}', ' d']);
});

/** The template as the reference prints it: text evaluated, sequences as they are written but for their spaces. */
function printed(parts: readonly TemplatePart[]): string {
  return parts
    .map((part) => {
      switch (part.part) {
        case 'text':
          return part.value;
        case 'interpolation':
          return part.expression.node === 'variable' ? `\${${part.expression.name}}` : '?';
        case 'if': {
          const condition = part.condition.node === 'variable' ? part.condition.name : '?';
          const otherwise = printed(part.otherwise ?? []);
          return `%{if ${condition}}${printed(part.then)}${otherwise === '' ? '' : `%{else}${otherwise}`}%{endif}`;
        }
        case 'for':
          return '?';
      }
    })
    .join('');
}

/** Text, spaces, signs, sequences and directives in a row, with strip markers here and there. */
function generateTemplate(random: Random, heredoc: boolean): string {
  const text = ['x', ' ', '  ', '    ', '\t', '$', '%', '$${', '%%{', 'é', '{', '}', '~', '\u00a0', '$$'];
  const special = heredoc
    ? ['\n', '\n  ', '\n    ', '\n\n', '\\n', '"']
    : ['\\n', '\\t', '\\"', '\\\\', '\\u00e9', '\\u0301'];
  const marker = (): string => (random() < 0.3 ? '~' : '');
  const sequence = (): string => `\${${marker()} v ${marker()}}`;
  const piece = (depth: number): string => {
    const kind = random();
    if (kind < 0.5) return pick(random, text);
    if (kind < 0.75) return pick(random, special);
    if (kind < 0.93 || depth === 0) return sequence();
    const inner = pieces(depth - 1);
    const otherwise = random() < 0.5 ? '' : `%{${marker()} else ${marker()}}${pieces(depth - 1)}`;
    return `%{${marker()} if w ${marker()}}${inner}${otherwise}%{${marker()} endif ${marker()}}`;
  };
  const pieces = (depth: number): string =>
    Array.from({ length: Math.floor(random() * 8) }, () => piece(depth)).join('');
  return pieces(2);
}

test('text, strip markers and flush heredocs come out as the reference has them', async () => {
  const seed = Number(process.env.WAYSIDE_SEED ?? 7);
  let compared = 0;
  for (let index = 0; index < 600; index++) {
    const random = seeded(seed * 100_003 + index);
    const heredoc = random() < 0.6;
    const inner = generateTemplate(random, heredoc);
    const written = heredoc ? `<<${random() < 0.7 ? '-' : ''}E\n${inner}\n  E` : `"${inner}"`;
    const text = `a = ${written}\n`;
    if (!(await referenceVerdict(text)).accepts) continue;
    const value = await referenceValue(text);
    expect(printed(partsOf(text)).normalize('NFC'), `seed ${String(seed)}: ${JSON.stringify(text)}`).toBe(
      value,
    );
    compared++;
  }
  expect(compared).toBeGreaterThan(300);
});
