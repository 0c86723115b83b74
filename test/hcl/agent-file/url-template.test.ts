// In which zone of a URL each part of a template stands.
import { expect, it } from 'vitest';
import { urlPieces } from '../../../hcl/agent-file/url-template.ts';
import { parseExpression } from '../../../hcl/parse.ts';

function zones(text: string): readonly string[] {
  const { expression } = parseExpression('test', text);
  return urlPieces(expression).map((piece) => (piece.piece === 'text' ? piece.text : `<${piece.zone}>`));
}

it.each<[string, readonly string[]]>([
  ['"https://a.b/c"', ['https://a.b/c']],
  ['"https://a.b/${x}"', ['https://a.b/', '<path>']],
  ['"https://a.b${x}"', ['https://a.b', '<authority>']],
  [
    '"https://${x}.b/${y}?q=${z}#${w}"',
    ['https://', '<authority>', '.b/', '<path>', '?q=', '<query>', '#', '<fragment>'],
  ],
  ['"https://a.b?${x}/${y}"', ['https://a.b?', '<query>', '/', '<query>']],
  ['"https://a.b#${x}?${y}"', ['https://a.b#', '<fragment>', '?', '<fragment>']],
  ['"https://a.b\\\\${x}"', ['https://a.b\\', '<path>']],
  ['"https:/${x}"', ['https:/', '<scheme>']],
  ['"${x}://a/${y}"', ['<scheme>', '://a/', '<path>']],
  ['"${x}/y/${z}"', ['<scheme>', '/y/', '<path>']],
  ['"${x}${y}"', ['<scheme>', '<scheme>']],
  ['x', ['<scheme>']],
  ['("https://a/${"${x}/${y}"}")', ['https://a/', '<path>', '/', '<path>']],
  ['"https://a/%{ if x }b/%{ endif }${y}"', ['https://a/', '<path>', '<path>']],
])('%s', (text, expected) => {
  expect(zones(text)).toEqual(expected);
});
