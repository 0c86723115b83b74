// Which paths a pattern of `files_allow` admits (rules.md 24).
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { admits } from '../../../hcl/agent-file/check-settings-use.ts';

describe('a pattern', () => {
  it.each([
    ['/etc/x.json', '/etc/x.json'],
    ['/etc/*.json', '/etc/x.json'],
    ['/etc/*', '/etc/x'],
    ['/*/x', '/etc/x'],
    ['/a/*b*c', '/a/xbxbxc'],
    ['/a/*b*', '/a/b'],
  ])('%s admits %s', (pattern, path) => {
    expect(admits(pattern, path)).toBe(true);
  });

  it.each([
    ['/etc/*.json', '/etc/a/x.json'],
    ['/etc/*', '/etc'],
    ['/etc/*', '/etc/x/y'],
    ['/etc/*.json', '/etc/x.jsonx'],
    ['/etc/x', '/etc/xx'],
    ['/a/*ab*ab', '/a/ab'],
    ['/a/x*x', '/a/x'],
  ])('%s does not admit %s', (pattern, path) => {
    expect(admits(pattern, path)).toBe(false);
  });

  it('means what the same pattern as a regular expression means', () => {
    const text = fc.string({ unit: fc.constantFrom('a', 'b', '/'), maxLength: 8 });
    const pattern = fc.string({ unit: fc.constantFrom('a', 'b', '/', '*'), maxLength: 6 });
    fc.assert(
      fc.property(pattern, text, (glob, path) => {
        const meant = new RegExp(`^${glob.replaceAll('*', '[^/]*')}$`);
        expect(admits(glob, path)).toBe(meant.test(path));
      }),
      { numRuns: 2_000 },
    );
  });
});
