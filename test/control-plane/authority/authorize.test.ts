// The choke point against a slow, obvious oracle, and the properties that no policy may break.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { authorize } from '../../../control-plane/authority/authorize.ts';
import type { Decision } from '../../../control-plane/authority/authorize.ts';
import type { Policy } from '../../../control-plane/authority/policy.ts';
import { roles } from '../../../control-plane/authority/roles.ts';
import { decideAgain, traceOf } from '../../../control-plane/authority/trace.ts';
import { decisionSchema } from '../../../protocol/api/authority.ts';
import type { Permission } from '../../../protocol/permissions.ts';
import { isReading, permissions, sensitivePermissions } from '../../../protocol/permissions.ts';
import { maySee, mayDo } from './oracle.ts';
import {
  askedArbitrary,
  boundArbitrary,
  callerIn,
  credentialWith,
  policyOf,
  treeArbitrary,
} from './policies.ts';
import type { Asked, Tree } from './policies.ts';

function questionOf(policy: Policy, asked: Asked) {
  const { permission, resource, at, ceiling, within, elevated, actors } = asked;
  const credential = credentialWith({ permissions: ceiling, within, elevated });
  return { caller: callerIn(policy, asked.principal, { credential, actors }), permission, resource, at };
}

function ask(policy: Policy, asked: Asked): Decision {
  const inputs = asked.inputs === null ? {} : { inputs: new Map(Object.entries(asked.inputs)) };
  return authorize(policy, {
    id: '00000000-0000-7000-8000-000000000000',
    ...questionOf(policy, asked),
    ...inputs,
  });
}

/** One question of somebody who is in the policy, with an elevated credential that takes nothing away. */
function may(policy: Policy, principal: string, permission: Permission, more: Partial<Asked> = {}): Decision {
  return ask(policy, {
    principal,
    permission,
    resource: { organization: 'o1', project: 'p1', thing: null },
    at: 5,
    inputs: null,
    ceiling: null,
    within: null,
    elevated: true,
    actors: [],
    ...more,
  });
}

const runs = { numRuns: 3_000 };

describe('of any policy', () => {
  test('the decision equals the oracle, also when it is made from what the ones before it left behind', () => {
    const counts = new Map<string, number>();
    fc.assert(
      // Many questions of one policy: from the second on, what each can reach is remembered.
      fc.property(
        treeArbitrary,
        fc.array(askedArbitrary, { minLength: 1, maxLength: 8 }),
        (tree, questions) => {
          const policy = policyOf(tree);
          for (const asked of questions) {
            const question = { ...questionOf(policy, asked), inputs: asked.inputs };
            const { allowed, visible, reason } = ask(policy, asked);
            counts.set(reason, (counts.get(reason) ?? 0) + 1);
            expect(allowed).toBe(mayDo(policy, question));
            if (!allowed) expect(visible).toBe(maySee(policy, question));
          }
        },
      ),
      { numRuns: 4_000 },
    );
    // It would say little if nearly all of them were denied by the same reason.
    for (const reason of [
      'allowed',
      'no_binding',
      'denied',
      'confined',
      'token_scope',
      'elevation_needed',
      'actor_lacks',
    ]) {
      expect([reason, (counts.get(reason) ?? 0) > 30]).toEqual([reason, true]);
    }
  });

  test('one more allowing binding never takes a right away', () => {
    let allowed = 0;
    fc.assert(
      fc.property(treeArbitrary, boundArbitrary, askedArbitrary, (tree, extra, asked) => {
        const before = ask(policyOf(tree), asked).allowed;
        const more = {
          ...tree,
          bindings: [...(tree.bindings ?? []), { ...extra, effect: 'allow' as const }],
        };
        if (before) expect(ask(policyOf(more), asked).allowed).toBe(true);
        if (before) allowed += 1;
      }),
      runs,
    );
    expect(allowed).toBeGreaterThan(100);
  });

  test('one more denial never gives a right', () => {
    fc.assert(
      fc.property(treeArbitrary, boundArbitrary, askedArbitrary, (tree, extra, asked) => {
        const before = ask(policyOf(tree), asked).allowed;
        const more = { ...tree, bindings: [...(tree.bindings ?? []), { ...extra, effect: 'deny' as const }] };
        if (!before) expect(ask(policyOf(more), asked).allowed).toBe(false);
      }),
      runs,
    );
  });

  test('a denial wins over whatever allows', () => {
    fc.assert(
      fc.property(treeArbitrary, askedArbitrary, (tree, asked) => {
        const denial = { principal: asked.principal, role: 'owner', effect: 'deny' as const };
        const policy = policyOf({ ...tree, bindings: [...(tree.bindings ?? []), denial] });
        expect(ask(policy, asked).allowed).toBe(false);
      }),
      runs,
    );
  });

  test('less of a credential never gives a right', () => {
    fc.assert(
      fc.property(treeArbitrary, askedArbitrary, (tree, asked) => {
        const policy = policyOf(tree);
        if (!ask(policy, asked).allowed) return;
        for (const wider of [{ ceiling: null }, { within: null }, { elevated: true }, { actors: [] }]) {
          expect(ask(policy, { ...asked, ...wider }).allowed).toBe(true);
        }
      }),
      runs,
    );
  });

  test('no path crosses organizations', () => {
    fc.assert(
      fc.property(treeArbitrary, askedArbitrary, (tree, asked) => {
        const policy = policyOf(tree);
        const elsewhere = { ...asked, resource: { ...asked.resource, organization: 'o2' } };
        expect(ask(policy, elsewhere)).toMatchObject({ reason: 'other_organization', visible: false });
        expect(ask(policy, { ...asked, principal: 'stranger' }).reason).toBe('other_organization');
        expect(ask(policy, { ...asked, actors: ['stranger'] }).reason).toBe('other_organization');
      }),
    );
  });

  test('what is settled before the inputs are known is what it is with any inputs', () => {
    fc.assert(
      fc.property(treeArbitrary, askedArbitrary, (tree, asked) => {
        const policy = policyOf(tree);
        const early = authorize(policy, {
          id: '00000000-0000-7000-8000-000000000000',
          ...questionOf(policy, asked),
          inputs: 'later',
        });
        if (early.settled) expect(ask(policy, asked).allowed).toBe(early.allowed);
        // And what is refused early is refused in any case.
        else if (!early.allowed) expect(ask(policy, asked).allowed).toBe(false);
      }),
      runs,
    );
  });

  test('a trace decides to the same result on the same policy, also after it was written down', () => {
    fc.assert(
      fc.property(treeArbitrary, askedArbitrary, (tree, asked) => {
        const policy = policyOf(tree);
        const trace = traceOf(ask(policy, asked));
        const read = decisionSchema.parse(JSON.parse(JSON.stringify(trace)));
        const again = decideAgain(policy, read, read.at);
        expect(again === null ? null : traceOf(again)).toEqual(trace);
      }),
      runs,
    );
  });

  test('records that are taken over from the policy before decide as new ones do', () => {
    fc.assert(
      fc.property(treeArbitrary, treeArbitrary, askedArbitrary, (old, tree, asked) => {
        // Bindings are never changed, so that one id means one binding: those of the new tree get ids of their own.
        const bindings = [...(old.bindings ?? []), ...(tree.bindings ?? [])];
        const before = policyOf(old);
        const after = policyOf({ ...tree, bindings }, before);
        expect(ask(after, asked).allowed).toBe(ask(policyOf({ ...tree, bindings }), asked).allowed);
      }),
      { numRuns: 1_000 },
    );
  });
});

describe('the tree', () => {
  const tree: Tree = {
    folders: { web: null, shop: 'web' },
    projects: { p1: 'shop', p2: null },
    bindings: [
      { principal: 'ada', role: 'viewer' },
      { principal: 'ada', role: 'admin', level: 'projects/p1' },
      { principal: 'ben', role: 'contributor', level: 'folders/web' },
      { principal: 'eve', role: 'contributor', level: 'projects/p1/actions/a1' },
    ],
  };
  const policy = policyOf(tree);

  test('roles of all levels add up', () => {
    expect(may(policy, 'ada', 'wayside.group.update').allowed).toBe(true);
    expect(may(policy, 'ada', 'wayside.run.read').allowed).toBe(true);
    const other = { resource: { organization: 'o1', project: 'p2', thing: null } };
    expect(may(policy, 'ada', 'wayside.group.update', other).allowed).toBe(false);
    expect(may(policy, 'ada', 'wayside.run.read', other).allowed).toBe(true);
  });

  test('a move changes what reaches a project, with nothing else changed', () => {
    expect(may(policy, 'ben', 'wayside.run.start').allowed).toBe(true);
    const moved = policyOf({ ...tree, projects: { p1: null, p2: 'web' } });
    expect(may(moved, 'ben', 'wayside.run.start')).toMatchObject({ allowed: false, visible: false });
    const there = { resource: { organization: 'o1', project: 'p2', thing: null } };
    expect(may(moved, 'ben', 'wayside.run.start', there).allowed).toBe(true);
  });

  test('a binding on one action reaches it and its runs, shows that there is the project, and nothing beside it', () => {
    const at = (thing: string | null, above: string[] = []) => ({
      resource: { organization: 'o1', project: 'p1', thing, above },
    });
    expect(may(policy, 'eve', 'wayside.run.start', at('actions/a1')).allowed).toBe(true);
    expect(may(policy, 'eve', 'wayside.run.read', at('runs/r1', ['actions/a1'])).allowed).toBe(true);
    expect(may(policy, 'eve', 'wayside.run.start', at('actions/a2'))).toMatchObject({
      allowed: false,
      visible: false,
    });
    expect(may(policy, 'eve', 'wayside.project.read', at(null))).toMatchObject({
      allowed: false,
      visible: true,
    });
  });
});

test('the trace names the binding that allowed it, all that were looked at, and the teams on the way', () => {
  const policy = policyOf({
    projects: { p1: null, p2: null },
    teams: { ops: ['ada'], all: ['ops'] },
    bindings: [
      { principal: 'ada', role: 'viewer' },
      { principal: 'all', role: 'contributor', level: 'projects/p1' },
      { principal: 'ada', role: 'admin', level: 'projects/p2' },
      { principal: 'ops', role: 'admin', level: 'projects/p1', notAfter: 5 },
    ],
  });
  const decision = may(policy, 'ada', 'wayside.run.start');
  expect(decision).toMatchObject({
    allowed: true,
    matched: 'b1',
    policy_revision: 7,
    resource: ['organizations/o1', 'projects/p1'],
  });
  expect(decision.considered).toEqual([
    {
      binding: 'b0',
      role: 'viewer',
      level: 'organization',
      effect: 'allow',
      grants: false,
      outcome: 'lacks',
      via: [],
    },
    {
      binding: 'b3',
      role: 'admin',
      level: 'projects/p1',
      effect: 'allow',
      grants: false,
      outcome: 'expired',
      via: ['ops'],
    },
    {
      binding: 'b1',
      role: 'contributor',
      level: 'projects/p1',
      effect: 'allow',
      grants: true,
      outcome: 'grants',
      via: ['ops', 'all'],
    },
  ]);
});

test('a trace that hung on inputs which nobody knew yet is not decided again', () => {
  const conditions = [{ input: 'env', operator: 'equals' as const, values: ['staging'] }];
  const policy = policyOf({
    projects: { p1: null },
    people: ['cond'],
    bindings: [{ principal: 'cond', role: 'contributor', conditions }],
  });
  const credential = credentialWith({ permissions: ['wayside.run.read'], within: null, elevated: true });
  const early = authorize(policy, {
    id: '00000000-0000-7000-8000-000000000000',
    at: 5,
    caller: callerIn(policy, 'cond', { credential }),
    permission: 'wayside.run.start',
    resource: { organization: 'o1', project: 'p1', thing: null },
    inputs: 'later',
  });
  expect(early).toMatchObject({ reason: 'token_scope', considered: [{ outcome: 'depends' }] });
  expect(decideAgain(policy, traceOf(early), 5)).toBeNull();
});

test('a denial says by which of its reasons it is one', () => {
  const staging = [{ input: 'env', operator: 'equals' as const, values: ['staging'] }];
  const policy = policyOf({
    projects: { p1: null },
    people: ['none', 'late', 'cond', 'denied', 'full', 'weak'],
    bindings: [
      { principal: 'late', role: 'contributor', notBefore: 6 },
      { principal: 'cond', role: 'contributor', conditions: staging },
      { principal: 'denied', role: 'owner' },
      { principal: 'denied', role: 'contributor', level: 'projects/p1', effect: 'deny' },
      { principal: 'full', role: 'owner' },
      { principal: 'weak', role: 'viewer' },
    ],
  });
  const start = 'wayside.run.start' as const;
  const elsewhere = { organization: 'o1', project: 'p2', thing: null };
  const expected: [Decision, string][] = [
    [may(policy, 'none', start), 'no_binding'],
    [may(policy, 'late', start), 'not_in_force'],
    [may(policy, 'cond', start), 'condition'],
    [may(policy, 'cond', start, { inputs: { env: 'prod' } }), 'condition'],
    [may(policy, 'cond', start, { inputs: { env: 'staging' } }), 'allowed'],
    [may(policy, 'cond', 'wayside.run.read'), 'allowed'],
    [may(policy, 'denied', start), 'denied'],
    [may(policy, 'full', start, { ceiling: ['wayside.run.read'] }), 'token_scope'],
    [may(policy, 'full', start, { within: elsewhere }), 'confined'],
    [may(policy, 'full', 'wayside.project.delete', { elevated: false }), 'elevation_needed'],
    [may(policy, 'full', start, { elevated: false }), 'allowed'],
    [may(policy, 'full', start, { actors: ['weak'] }), 'actor_lacks'],
    [may(policy, 'full', 'wayside.run.read', { actors: ['weak'] }), 'allowed'],
    [may(policy, 'full', start, { actors: ['full', 'full', 'full'] }), 'allowed'],
    [may(policy, 'full', start, { actors: ['full', 'full', 'full', 'full'] }), 'delegation_too_deep'],
  ];
  expect(expected.map(([{ reason }]) => reason)).toEqual(expected.map(([, reason]) => reason));
  expect(may(policy, 'cond', start, { inputs: { env: 'prod' } }).considered[0]).toMatchObject({
    outcome: 'condition',
    input: 'env',
  });
});

describe('conditions', () => {
  const with_ = (conditions: object[], effect: 'allow' | 'deny' = 'allow') =>
    policyOf({
      projects: { p1: null },
      bindings: [
        { principal: 'ada', role: 'contributor', effect, conditions: conditions as never },
        ...(effect === 'deny' ? [{ principal: 'ada', role: 'contributor' }] : []),
      ],
    });
  const starts = (policy: Policy, inputs: Record<string, unknown>) =>
    authorize(policy, {
      id: '00000000-0000-7000-8000-000000000000',
      at: 1,
      caller: callerIn(policy, 'ada'),
      permission: 'wayside.run.start',
      resource: { organization: 'o1', project: 'p1', thing: null },
      inputs: new Map(Object.entries(inputs)) as never,
    }).allowed;

  test('a pattern has to match all of the text', () => {
    const policy = with_([{ input: 'tag', operator: 'matches', values: ['v[0-9]+'] }]);
    expect(starts(policy, { tag: 'v12' })).toBe(true);
    for (const tag of ['v12; rm', 'xv12', 'v12\n', '', ['v12'], { v: 'v12' }, null, 12]) {
      expect(starts(policy, { tag }), JSON.stringify(tag)).toBe(false);
    }
  });

  test('a number is the number that it is, however it is written', () => {
    const policy = with_([{ input: 'n', operator: 'equals', values: [10] }]);
    for (const n of [10, JSON.rawJSON('10.0'), JSON.rawJSON('1e1'), '10'])
      expect(starts(policy, { n })).toBe(true);
    for (const n of [11, JSON.rawJSON('10.000000000000000001'), '10.0', 'ten']) {
      expect(starts(policy, { n })).toBe(false);
    }
  });

  test('what is not known is not allowed, and is denied', () => {
    const production = [{ input: 'env', operator: 'equals', values: ['prod'] }];
    expect(starts(with_(production), {})).toBe(false);
    expect(starts(with_(production, 'deny'), {})).toBe(false);
    expect(starts(with_(production, 'deny'), { env: ['staging'] })).toBe(false);
    expect(starts(with_(production, 'deny'), { env: 'staging' })).toBe(true);
  });
});

describe('the built-in roles', () => {
  test('each of four holds everything of the one below it', () => {
    const order = ['viewer', 'contributor', 'admin', 'owner'] as const;
    order.slice(1).forEach((role, index) => {
      for (const permission of roles[order[index]!]) expect(roles[role]).toContain(permission);
    });
  });

  test('an auditor sees everything and changes nothing', () => {
    expect([...roles.auditor].every(isReading)).toBe(true);
    for (const permission of roles.viewer) expect(roles.auditor).toContain(permission);
    expect(roles.auditor).toContain('audit.event.read');
  });
});

test('the page says what each role gives, and which permissions ask to elevate', () => {
  const page = readFileSync(join(import.meta.dirname, '../../../docs/permissions.md'), 'utf8');
  const columns = ['viewer', 'contributor', 'admin', 'owner', 'auditor', 'agent'] as const;
  const told = [...page.matchAll(/^\| `([a-z-]+\.[a-z-]+\.[a-z-]+)` +\|(.*)\|$/gm)].map(
    ([, name = '', cells = '']) => [name, ...cells.split('|').map((cell) => cell.trim())],
  );
  const are = permissions.map((name) => [
    name,
    ...columns.map((role) => (roles[role].has(name) ? 'x' : '')),
    sensitivePermissions.has(name) ? 'x' : '',
  ]);
  expect(told).toEqual(are);
});
