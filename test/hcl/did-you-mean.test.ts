import { expect, test } from 'vitest';
import { suggest } from '../../hcl/did-you-mean.ts';

const candidates = ['command', 'description', 'timeout', 'input', 'output', 'if', 'for', 'env'];

test.each([
  ['comand', 'command'],
  ['commadn', 'command'],
  ['Command', 'command'],
  ['desciption', 'description'],
  ['inptu', 'input'],
  ['timeuot', 'timeout'],
  ['fro', 'for'],
  ['fi', 'if'],
])('%s was meant to be %s', (word, meant) => {
  expect(suggest(word, candidates)).toBe(meant);
});

test.each(['command', 'banana', 'x', '', 'commandcommand'])('nothing is near enough to %j', (word) => {
  expect(suggest(word, candidates)).toBeNull();
});

test('of equally near names the first wins', () => {
  expect(suggest('put', ['pub', 'pun'])).toBe('pub');
});
