// Nobody hands on what they lack, as laws over any policy; and who may act for whom.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { authorize } from '../../../control-plane/authority/authorize.ts';
import {
  exceeds,
  givenBy,
  isGivenUnder,
  lackedOf,
  mayImpersonate,
} from '../../../control-plane/authority/cover.ts';
import { resourceAt } from '../../../control-plane/authority/level.ts';
import type { BindingRecord, Policy } from '../../../control-plane/authority/policy.ts';
import {
  askedArbitrary,
  boundArbitrary,
  callerIn,
  credentialWith,
  policyOf,
  treeArbitrary,
} from './policies.ts';
import type { Asked } from './policies.ts';

const at = 5;

function lastBinding(policy: Policy, principal: string): BindingRecord {
  const list = policy.bindingsByPrincipal.get(principal) ?? [];
  const last = list.at(-1);
  if (last === undefined) throw new Error('there is no binding');
  return last;
}

/** What everybody may do for themselves says nothing of what they may do for others. */
function isOnesOwn({ permission, resource }: Asked): boolean {
  return permission === 'iam.self.read' || (resource.thing?.startsWith('principals/') ?? false);
}

describe('giving', () => {
  test('lets nobody do, by what was given, what the giver may not', () => {
    let given = 0;
    fc.assert(
      fc.property(treeArbitrary, boundArbitrary, askedArbitrary, (tree, wanted, asked) => {
        // A newcomer with nothing gets exactly this binding, from Ada.
        const bindings = [
          ...(tree.bindings ?? []),
          { ...wanted, principal: 'new', effect: 'allow' as const, notBefore: null },
        ];
        const policy = policyOf({ ...tree, people: ['ada', 'ben', 'eve', 'new'], bindings });
        const giver = callerIn(policy, 'ada');
        if (lackedOf(policy, giver, givenBy(policy, lastBinding(policy, 'new')), at) !== null) return;
        given += 1;
        const { permission, resource } = asked;
        const inputs = asked.inputs === null ? {} : { inputs: new Map(Object.entries(asked.inputs)) };
        const ask = (who: string) =>
          authorize(policy, { id: 'd', at, caller: callerIn(policy, who), permission, resource, ...inputs })
            .allowed;
        if (isOnesOwn(asked)) return;
        if (ask('new')) expect(ask('ada')).toBe(true);
      }),
      { numRuns: 10_000 },
    );
    // Or the law would be about nothing.
    expect(given).toBeGreaterThan(250);
  });

  test('asks a credential too: what it takes away cannot be given', () => {
    const policy = policyOf({
      projects: { p1: null, p2: null },
      bindings: [{ principal: 'ada', role: 'owner' }],
    });
    const viewer = {
      permissions: policy.roles.get('viewer')?.permissions ?? [],
      level: 'projects/p1',
      conditions: [],
      notAfter: null,
    };
    const lacked = (options: Parameters<typeof credentialWith>[0], given: object = {}) =>
      lackedOf(
        policy,
        callerIn(policy, 'ada', { credential: credentialWith(options) }),
        { ...viewer, ...given },
        at,
      );
    expect(lacked({})).toBeNull();
    expect(lacked({ permissions: ['wayside.run.read'] })).not.toBeNull();
    expect(lacked({ within: { organization: 'o1', project: 'p1', thing: null } })).toBeNull();
    expect(lacked({ within: { organization: 'o1', project: 'p2', thing: null } })).not.toBeNull();
    expect(lacked({ elevated: false })).toBeNull();
    expect(lacked({ elevated: false }, { permissions: ['wayside.project.delete'] })).toMatchObject({
      permission: 'wayside.project.delete',
    });
  });

  test('under conditions is giving what is judged with inputs, and looking', () => {
    const policy = policyOf({
      projects: { p1: null },
      bindings: [
        { principal: 'ada', role: 'viewer' },
        {
          principal: 'ada',
          role: 'starter',
          conditions: [{ input: 'env', operator: 'equals', values: ['x'] }],
        },
      ],
      roles: { starter: ['wayside.run.start', 'wayside.project.delete'] },
    });
    const given = {
      permissions: policy.roles.get('starter')?.permissions ?? [],
      level: 'projects/p1',
      conditions: [{ input: 'env', operator: 'one_of' as const, values: ['x'] }],
      notAfter: null,
    };
    expect(lackedOf(policy, callerIn(policy, 'ada'), given, at)).toBeNull();
    expect(lackedOf(policy, callerIn(policy, 'ada'), { ...given, conditions: [] }, at)).not.toBeNull();
    expect(isGivenUnder(given.conditions, 'wayside.project.delete')).toBe(false);
  });
});

describe('acting for somebody', () => {
  const policy = policyOf({
    people: ['root', 'desk', 'ada', 'gone', 'peer'],
    disabled: ['gone'],
    projects: { p1: null },
    roles: { desk: ['iam.principal.impersonate'] },
    bindings: [
      { principal: 'root', role: 'owner' },
      { principal: 'desk', role: 'desk' },
      { principal: 'desk', role: 'contributor' },
      { principal: 'ada', role: 'contributor', level: 'projects/p1' },
      { principal: 'peer', role: 'admin', level: 'projects/p1' },
    ],
  });
  const ask = (actor: string, subject: string, more: { granted?: boolean; actors?: string[] } = {}) => {
    const record = policy.principals.get(subject);
    if (record === undefined) throw new Error(`nobody is called ${subject}`);
    const { granted = false, actors = [] } = more;
    const caller = callerIn(policy, actor, { actors });
    const answer = mayImpersonate(policy, { actor: caller, subject: record, granted, at });
    return answer.allowed ? 'allowed' : answer.reason;
  };

  test('takes the right to, everything that they have, and a chain that is short enough', () => {
    expect(ask('desk', 'ada')).toBe('allowed');
    expect(ask('root', 'desk')).toBe('allowed');
    expect(ask('desk', 'root')).toBe('exceeds');
    expect(ask('desk', 'peer')).toBe('exceeds');
    expect(ask('ada', 'desk')).toBe('not_permitted');
    expect(ask('peer', 'ada')).toBe('not_permitted');
    expect(ask('peer', 'ada', { granted: true })).toBe('allowed');
    expect(ask('ada', 'peer', { granted: true })).toBe('exceeds');
    expect(ask('desk', 'gone')).toBe('principal_disabled');
    expect(ask('gone', 'ada')).toBe('principal_disabled');
    expect(ask('root', 'ada', { actors: ['root', 'root'] })).toBe('allowed');
    expect(ask('root', 'ada', { actors: ['root', 'root', 'root'] })).toBe('delegation_too_deep');
  });

  test('never lets the two do together what the actor may not alone', () => {
    fc.assert(
      fc.property(
        treeArbitrary,
        askedArbitrary,
        fc.constantFrom('ada', 'ben', 'eve'),
        (tree, asked, subject) => {
          const any = policyOf(tree);
          const actor = callerIn(any, asked.principal);
          const target = any.principals.get(subject);
          if (target === undefined) return;
          if (!mayImpersonate(any, { actor, subject: target, granted: true, at }).allowed) return;
          expect(exceeds(any, actor, subject, at)).toBeNull();
          const { permission, resource } = asked;
          if (isOnesOwn(asked)) return;
          const together = callerIn(any, subject, { actors: [asked.principal] });
          const ask = (caller: typeof actor) =>
            authorize(any, { id: 'd', at, caller, permission, resource }).allowed;
          if (ask(together)) expect(ask(actor)).toBe(true);
        },
      ),
      { numRuns: 10_000 },
    );
  });
});

test('a level and its resource are one another', () => {
  for (const level of ['', 'folders/f', 'projects/p', 'projects/p/actions/a', 'projects/p/groups/g']) {
    const resource = resourceAt('o1', level);
    const policy = policyOf({});
    const caller = callerIn(policy, 'ada');
    const { resource: path } = authorize(policy, {
      id: 'd',
      at,
      caller,
      permission: 'wayside.run.read',
      resource,
    });
    expect(path.slice(1).join('/')).toBe(level);
  }
});
