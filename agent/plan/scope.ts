// The variables that the expressions of a run see (hcl.md, section 2): its inputs, what is built in, and the results
// of earlier operations.
import { NULL, objectValue, SENSITIVE, stringValue, TAINTED } from '../../hcl/values.ts';
import type { Value } from '../../hcl/values.ts';
import { Failure } from '../../protocol/failures.ts';
import type { RunContext, RunRequest } from '../contract.ts';

/** Roots that a run cannot bring: what stands under them is the agent's word. */
const ownRoots: ReadonlySet<string> = new Set([
  'waypoint',
  'run',
  'agent',
  'action',
  'application',
  'operation',
]);

/**
 * Every variable by its root. `results` are the results of operations that have been done, by name.
 * Throws `inputs_rejected` where a dotted name of an input is also the beginning of another.
 */
export function variablesOf(
  request: Pick<RunRequest, 'action' | 'inputs' | 'context'>,
  results: ReadonlyMap<string, Value>,
): ReadonlyMap<string, Value> {
  const { action, inputs, context } = request;
  const brought = action.declaresInputs ? new Map([['var', objectValue(inputs)]]) : nest(inputs);
  return new Map([...brought, ...builtIns(context), ['operation', objectValue(results)]]);
}

function builtIns(context: RunContext): ReadonlyMap<string, Value> {
  const { runId, requestedBy, agent, actionName, applicationName, token } = context;
  const id = stringValue(runId);
  return new Map([
    ['waypoint', objectValue([['run_id', id]])],
    [
      'run',
      objectValue([
        ['id', id],
        ['requested_by', stringValue(requestedBy, TAINTED)],
        ...(token === undefined ? [] : ([['token', stringValue(token, TAINTED | SENSITIVE)]] as const)),
      ]),
    ],
    [
      'agent',
      objectValue([
        ['id', stringValue(agent.id)],
        ['name', stringValue(agent.name)],
      ]),
    ],
    ['action', objectValue([['name', stringValue(actionName)]])],
    [
      'application',
      objectValue([['name', applicationName === null ? NULL : stringValue(applicationName, TAINTED)]]),
    ],
  ]);
}

type Branch = Map<string, Value | Branch>;

/**
 * For an action without `input` blocks the names of what a run brings are paths: `var.region` is the attribute
 * `region` of `var`. A name without a dot can be used with and without `var.` before it.
 */
function nest(inputs: ReadonlyMap<string, Value>): ReadonlyMap<string, Value> {
  const root: Branch = new Map([['var', new Map()]]);
  for (const [name, value] of inputs) {
    const path = name.split('.');
    if (path.length === 1 && !inputs.has(`var.${name}`)) place(root, { path: ['var', name], name, value });
    if (!ownRoots.has(path[0] ?? '') && name !== 'var') place(root, { path, name, value });
  }
  return new Map([...root].map(([name, member]) => [name, valueOf(member)]));
}

function place(
  root: Branch,
  { path, name, value }: { readonly path: readonly string[]; readonly name: string; readonly value: Value },
): void {
  let branch = root;
  for (const step of path.slice(0, -1)) {
    const next = branch.get(step) ?? new Map<string, Value | Branch>();
    if (!(next instanceof Map)) throw clash(name);
    branch.set(step, next);
    branch = next;
  }
  const last = path.at(-1) ?? '';
  if (branch.has(last)) throw clash(name);
  branch.set(last, value);
}

function clash(name: string): Failure {
  return new Failure(
    'inputs_rejected',
    `The input ${JSON.stringify(name)} is a value and also the beginning of another input's name: drop one of them.`,
  );
}

function valueOf(member: Value | Branch): Value {
  if (!(member instanceof Map)) return member;
  return objectValue([...member].map(([name, inner]) => [name, valueOf(inner)]));
}
