// That the layout equals the customary one is shown by conformance.test.ts; here is what that means, and what it keeps.
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { format } from '../../hcl/format.ts';
import { parseFile } from '../../hcl/parse.ts';
import { generateFile, seeded } from './generate.ts';
import { sketchBody } from './sketch.ts';

test.each([
  ['indentation is two spaces for each level', 'a{\nb{\nc=1\n}\n}\n', 'a {\n  b {\n    c = 1\n  }\n}\n'],
  [
    'several brackets of a line are one level',
    'a=f({\nb=[[\n1\n]]\n})\n',
    'a = f({\n  b = [[\n    1\n  ]]\n})\n',
  ],
  [
    'equals signs of neighbours stand in a column',
    'a=1\nbbb=2\n\ncccc=3\n',
    'a   = 1\nbbb = 2\n\ncccc = 3\n',
  ],
  [
    'a value of several lines ends the column',
    'a=1\nbbb={\nc=1\n}\nd=2\n',
    'a = 1\nbbb = {\n  c = 1\n}\nd = 2\n',
  ],
  ['comments of neighbours stand in a column', 'a=1 # x\nbb="yy" # z\n', 'a  = 1    # x\nbb = "yy" # z\n'],
  ['blank lines stay, spaces on them do not', 'a=1\n  \n\nb=2\n', 'a = 1\n\n\nb = 2\n'],
  [
    'a heredoc stays as it is',
    'a{\nb=<<-E\n x\n   ${ y }\n  E\nc=1\n}\n',
    'a {\n  b = <<-E\n x\n   ${y}\n  E\n  c = 1\n}\n',
  ],
  ['signs touch their operand', 'a=- 1\nb=! c\nd=1- -1\n', 'a = -1\nb = !c\nd = 1 - -1\n'],
  ['names touch their brackets', 'a=f (b) [0] . c [*]\n', 'a = f(b)[0].c[*]\n'],
  ['namespaces touch their names', 'a = b :: c (1)\n', 'a = b::c(1)\n'],
  ['braces have spaces inside unless empty', 'a={b=1}\nc={}\nd { }\n', 'a = { b = 1 }\nc = {}\nd {}\n'],
  ['sequences have none', 'a="${ b }%{ if  c }d%{  endif  }"\n', 'a = "${b}%{if c}d%{endif}"\n'],
  ['a byte order mark goes, carriage returns stay', '\ufeffa=1\r\nb=2\r\n', 'a = 1\r\nb = 2\r\n'],
])('%s', (_name, written, formatted) => {
  expect(format(written)).toBe(formatted);
});

test('formatting keeps the meaning, and doing it again changes nothing', () => {
  const seed = Number(process.env.WAYSIDE_SEED ?? 3);
  for (let index = 0; index < 300; index++) {
    const text = generateFile(seeded(seed * 7_919 + index));
    const { body, diagnostics } = parseFile('x', text);
    if (diagnostics.length > 0) continue;
    const formatted = format(text);
    expect(format(formatted), `seed ${String(seed)}`).toBe(formatted);
    // Custom joins `1 . 0` to `1.0`; there is no reason to write an index of a number.
    if (/[0-9]\s*\.\s*0/.test(text)) continue;
    expect(sketchBody(parseFile('x', formatted).body), `seed ${String(seed)}`).toBe(sketchBody(body));
  }
});

test('every word of any text stays, valid or not', () => {
  const words = (text: string): string => text.replace(/^\ufeff/, '').replaceAll(/[ \t]/g, '');
  fc.assert(
    fc.property(
      fc.string({ unit: fc.constantFrom(...'ab1 \n\t"${}%[]()<-E=,.:?#/*~!é\\'), maxLength: 60 }),
      (text) => {
        const formatted = format(text);
        expect(words(formatted)).toBe(words(text));
        if (parseFile('x', text).diagnostics.length === 0) expect(format(formatted)).toBe(formatted);
      },
    ),
    { numRuns: 2_000 },
  );
});

test('the corpus formats into itself or into something stable', () => {
  const folder = join(import.meta.dirname, 'corpus');
  const names = readdirSync(folder);
  expect(names.length).toBeGreaterThanOrEqual(60);
  for (const name of names) {
    const formatted = format(readFileSync(join(folder, name), 'utf8'));
    expect(format(formatted), name).toBe(formatted);
  }
});
