// The choke point against a slow, obvious oracle, and the properties that no policy may break.
import { credentialOf } from '../../../control-plane/authority/authenticate.ts';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { authorize } from '../../../control-plane/authority/authorize.ts';
import type { Question } from '../../../control-plane/authority/authorize.ts';
import type { BindingRecord, Policy } from '../../../control-plane/authority/policy.ts';
import { roles } from '../../../control-plane/authority/roles.ts';
import { roleNames } from '../../../protocol/api/authority.ts';
import { permissions } from '../../../protocol/permissions.ts';

const organization = 'o1' as const;
const projects = ['p1', 'p2'];
const people = ['ada', 'ben', 'eve'];

const bindingArbitrary = fc.record({
  principal: fc.constantFrom(...people),
  role: fc.constantFrom(...roleNames),
  project: fc.constantFrom(null, ...projects),
});
const questionArbitrary = fc.record({
  principal: fc.constantFrom(...people),
  permission: fc.constantFrom(...permissions),
  project: fc.constantFrom(null, ...projects),
  ceiling: fc.option(fc.uniqueArray(fc.constantFrom(...permissions), { maxLength: 5 })),
  disabled: fc.boolean(),
  home: fc.constantFrom(organization, organization, organization, 'o2'),
  asked: fc.constantFrom(organization, organization, organization, 'o2'),
  thing: fc.constantFrom(null, 'principals/ada', 'principals/eve', 'actions/x'),
});
type Asked = typeof questionArbitrary extends fc.Arbitrary<infer T> ? T : never;
type Bound = Omit<BindingRecord, 'id'>;

function policyOf(bindings: readonly Bound[]): Policy {
  const grouped = new Map<string, BindingRecord[]>();
  bindings.forEach((binding, index) => {
    const list = grouped.get(binding.principal) ?? [];
    list.push({ ...binding, id: `b${index}` });
    grouped.set(binding.principal, list);
  });
  return {
    organization: { id: organization, name: 'default' },
    revision: 7,
    principals: new Map(),
    tokensByHash: new Map(),
    bindingsByPrincipal: grouped,
    projects: new Map(),
    projectsByName: new Map(),
  };
}

function ask(policy: Policy, asked: Asked) {
  const question: Question = {
    id: 'd',
    at: 1,
    caller: {
      principal: {
        id: asked.principal,
        name: asked.principal,
        kind: 'user',
        organization: asked.home,
        disabled: asked.disabled,
      },
      credential: credentialOf({
        id: 't',
        principal: asked.principal,
        name: 't',
        hash: '',
        permissions: asked.ceiling === null ? null : new Set(asked.ceiling),
        expiresAt: null,
        revoked: false,
      }),
      actors: [],
    },
    permission: asked.permission,
    resource: { organization: asked.asked, project: asked.project, thing: asked.thing },
  };
  return authorize(policy, question);
}

/** What the rules say, in the order in which a person would read them. */
function oracle(bindings: readonly Bound[], asked: Asked): boolean {
  if (asked.home !== organization || asked.asked !== organization || asked.disabled) return false;
  if (asked.ceiling !== null && !asked.ceiling.includes(asked.permission)) return false;
  if (asked.permission === 'iam.self.read') return true;
  if (isOwnToken(asked)) return true;
  for (const binding of bindings) {
    if (binding.principal !== asked.principal) continue;
    if (binding.project !== null && binding.project !== asked.project) continue;
    if (roles[binding.role].has(asked.permission)) return true;
  }
  return false;
}

/** Everybody keeps their own tokens, wherever they have a role. */
function isOwnToken({ permission, principal, project, thing }: Asked): boolean {
  return permission.startsWith('iam.token.') && project === null && thing === `principals/${principal}`;
}

test('the decision equals the oracle', () => {
  fc.assert(
    fc.property(fc.array(bindingArbitrary, { maxLength: 8 }), questionArbitrary, (bindings, asked) => {
      expect(ask(policyOf(bindings), asked).allowed).toBe(oracle(bindings, asked));
    }),
    { numRuns: 2_000 },
  );
});

test('one more binding never takes a right away', () => {
  fc.assert(
    fc.property(fc.array(bindingArbitrary), bindingArbitrary, questionArbitrary, (bindings, extra, asked) => {
      const before = ask(policyOf(bindings), asked).allowed;
      if (before) expect(ask(policyOf([...bindings, extra]), asked).allowed).toBe(true);
    }),
  );
});

test('a narrower token never gains a right', () => {
  fc.assert(
    fc.property(fc.array(bindingArbitrary), questionArbitrary, (bindings, asked) => {
      const policy = policyOf(bindings);
      if (ask(policy, asked).allowed) expect(ask(policy, { ...asked, ceiling: null }).allowed).toBe(true);
    }),
  );
});

test('no path crosses organizations', () => {
  fc.assert(
    fc.property(fc.array(bindingArbitrary), questionArbitrary, (bindings, asked) => {
      expect(ask(policyOf(bindings), { ...asked, asked: 'o2' }).reason).toBe('other_organization');
      expect(ask(policyOf(bindings), { ...asked, home: 'o2' }).allowed).toBe(false);
    }),
  );
});

test('the trace names the binding that allowed it, and all that were looked at', () => {
  const policy = policyOf([
    { principal: 'ada', role: 'viewer', project: null },
    { principal: 'ada', role: 'contributor', project: 'p1' },
    { principal: 'ada', role: 'admin', project: 'p2' },
  ]);
  const asked = {
    principal: 'ada',
    project: 'p1',
    ceiling: null,
    disabled: false,
    home: organization,
    asked: organization,
    thing: null,
  };
  const decision = ask(policy, { ...asked, permission: 'wayside.run.start' });
  expect(decision).toMatchObject({
    allowed: true,
    matched: 'b1',
    policy_revision: 7,
    resource: ['organizations/o1', 'projects/p1'],
  });
  expect(decision.considered).toEqual([
    { binding: 'b0', role: 'viewer', level: 'organization', grants: false },
    { binding: 'b1', role: 'contributor', level: 'projects/p1', grants: true },
  ]);
});

test('somebody without any binding that reaches a project may not learn that it exists', () => {
  const policy = policyOf([{ principal: 'ada', role: 'owner', project: 'p2' }]);
  const asked = {
    principal: 'ada',
    project: 'p1',
    ceiling: null,
    disabled: false,
    home: organization,
    asked: organization,
    thing: null,
  };
  expect(ask(policy, { ...asked, permission: 'wayside.run.read' })).toMatchObject({
    allowed: false,
    visible: false,
  });
});

test('each role holds everything of the one below it', () => {
  const order = ['viewer', 'contributor', 'admin', 'owner'] as const;
  order.slice(1).forEach((role, index) => {
    for (const permission of roles[order[index]!]) expect(roles[role]).toContain(permission);
  });
});
