import { describe, expect, it } from 'vitest';
import { checkNames, roles } from '../../../control-plane/pki/roles.ts';
import type { LeafName, RoleName } from '../../../control-plane/pki/roles.ts';

const id = '01890000-0000-7000-8000-000000000001';
const own = `spiffe://test.wayside/org/${id}/project/${id}/agent/${id}`;

describe('a role', () => {
  const cases: readonly [RoleName, readonly LeafName[], boolean][] = [
    ['agent', [{ type: 'url', value: own }], true],
    ['agent', [{ type: 'url', value: own.replace('test', 'other') }], false],
    ['agent', [{ type: 'url', value: own.replace('test.wayside', 'test.wayside.evil') }], false],
    ['agent', [{ type: 'url', value: 'spiffe://test.wayside' }], false],
    ['agent', [{ type: 'url', value: `${own}/more` }], false],
    ['agent', [], false],
    [
      'agent',
      [
        { type: 'url', value: own },
        { type: 'url', value: own },
      ],
      false,
    ],
    ['agent', [{ type: 'dns', value: 'localhost' }], false],
    ['server', [{ type: 'dns', value: 'localhost' }], true],
    ['server', [{ type: 'dns', value: 'wayside.internal.example' }], true],
    ['server', [{ type: 'ip', value: '10.0.0.1' }], true],
    ['server', [{ type: 'ip', value: '::1' }], true],
    ['server', [{ type: 'ip', value: '10.0.0' }], false],
    ['server', [{ type: 'dns', value: '*.example' }], false],
    ['server', [{ type: 'dns', value: 'Example' }], false],
    ['server', [{ type: 'dns', value: 'a b' }], false],
    ['server', [{ type: 'url', value: own }], false],
    ['server', [], false],
  ];
  it.each(cases)('%s with the names %j: %s', (role, names, allowed) => {
    const check = () => checkNames(roles[role], names, 'test.wayside');
    if (allowed) check();
    else expect(check).toThrow(/certificate for the role/);
  });
});
