// A decision as it is written down and shown, with everything that was asked, so that it can be decided again.
import type { DecisionTrace } from '../../protocol/api/authority.ts';
import type { JsonValue } from '../../protocol/json.ts';
import { isPermission } from '../../protocol/permissions.ts';
import { authorize } from './authorize.ts';
import type { Decision, Question } from './authorize.ts';
import type { Credential } from './caller.ts';
import { levelsOf, pathOf, resourceOfPath } from './level.ts';
import type { Policy, PrincipalRecord } from './policy.ts';
import { reachOf } from './reach.ts';

/** The trace of a decision. Of the inputs only those that some binding compares are in it, and no sensitive one ever. */
export function traceOf(decision: Decision): DecisionTrace {
  const { visible: _visible, settled: _settled, question, policy, ...trace } = decision;
  const { credential, actors } = question.caller;
  return {
    ...trace,
    asked: {
      credential: credential === null ? null : credentialView(credential),
      actors: actors.map(({ id }) => id),
      inputs: comparedInputs(policy, question),
      above: [...(question.resource.above ?? [])],
    },
  };
}

function credentialView({ kind, id, permissions, within, elevated }: Credential) {
  return {
    kind,
    id,
    permissions: permissions === null ? null : [...permissions],
    within: within === null ? null : pathOf(within),
    elevated,
  };
}

function comparedInputs(
  policy: Policy,
  { caller, resource, inputs }: Question,
): Record<string, JsonValue> | null {
  if (inputs === undefined || inputs === 'later') return null;
  const levels = levelsOf(policy, resource);
  const names = [caller.principal, ...caller.actors.slice(0, 1)].flatMap(({ id }) => {
    const { byLevel } = reachOf(policy, id);
    return levels.flatMap((level) =>
      (byLevel.get(level) ?? []).flatMap(({ binding }) => binding.conditions.map(({ input }) => input)),
    );
  });
  const compared = [...new Set(names)].flatMap((name): [string, JsonValue][] => {
    const value = inputs.get(name);
    return value === undefined ? [] : [[name, value]];
  });
  return Object.fromEntries(compared);
}

/**
 * Decides the question of a trace again, on another policy or on the one it was decided on, for which the result at the
 * moment of the trace (`at`, epoch ms) is the same. Null where the trace cannot be asked again: its principal is
 * unknown, or it was asked before the inputs were known that it depends on.
 */
export function decideAgain(policy: Policy, trace: DecisionTrace, at: number): Decision | null {
  const considered = [...trace.considered, ...(trace.actor?.considered ?? [])];
  if (considered.some(({ outcome }) => outcome === 'depends')) return null;
  const question = questionOf(policy, trace);
  return question === null ? null : authorize(policy, { ...question, at });
}

function questionOf(policy: Policy, trace: DecisionTrace): Omit<Question, 'at'> | null {
  const { asked, permission } = trace;
  const principal = policy.principals.get(trace.principal);
  const resource = resourceOfPath(trace.resource);
  if (asked === undefined || principal === undefined || resource === null || !isPermission(permission))
    return null;
  const actors = asked.actors.map((id) => policy.principals.get(id)).filter((each) => each !== undefined);
  if (actors.length !== asked.actors.length) return null;
  const within = asked.credential?.within ?? null;
  const question = {
    id: trace.id,
    caller: {
      principal,
      credential: credentialFrom(asked.credential, within),
      actors: actors as PrincipalRecord[],
    },
    permission,
    resource: asked.above.length === 0 ? resource : { ...resource, above: asked.above },
  };
  return asked.inputs === null
    ? question
    : { ...question, inputs: new Map(Object.entries(asked.inputs as Record<string, JsonValue>)) };
}

function credentialFrom(
  view: NonNullable<DecisionTrace['asked']>['credential'],
  within: readonly string[] | null,
): Credential | null {
  if (view === null) return null;
  return {
    kind: view.kind as Credential['kind'],
    id: view.id,
    name: '',
    permissions: view.permissions === null ? null : new Set(view.permissions.filter(isPermission)),
    within: within === null ? null : resourceOfPath(within),
    elevated: view.elevated,
    authenticatedAt: null,
    expiresAt: null,
  };
}
