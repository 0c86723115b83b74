// Stores a value. A sensitive one is sealed before it is stored, says where it may go, and never becomes readable:
// what was sensitive once stays so until the variable is deleted.
import { randomUUIDv7 } from 'node:crypto';
import type { z } from 'zod';
import type { variableSetSchema } from '../../protocol/api/operations.ts';
import { Failure } from '../../protocol/failures.ts';
import { canonicalJson, parseJson, stringifyJson } from '../../protocol/json.ts';
import { secretCharactersMin, variableBytesMax } from '../../protocol/limits.ts';
import { actionGuard, readAction } from '../actions/read.ts';
import { commitChange } from '../authority/change.ts';
import type { ChangeContext, ChangeDeps } from '../authority/change.ts';
import { redacted } from '../audit/redact.ts';
import { heedMatch } from '../http/etag.ts';
import type { Secrets } from '../secrets/secrets.ts';
import { GuardFailed } from '../store/store.ts';
import { variableCell } from './cell.ts';
import { inTurn, variableGuard } from './in-turn.ts';
import type { VariableKey } from './in-turn.ts';
import { bindVariable, insertVariable, selectVariable, updateVariable } from './store.ts';
import type { VariableRow } from './store.ts';

type Body = z.output<typeof variableSetSchema>;
type Deps = ChangeDeps & { readonly secrets: Pick<Secrets, 'sealAtRest'> };

/**
 * Of several writers at once the last one wins, unless `If-Match` says what must have been there.
 * Throws `secret_too_short`, `invalid_request` (too large, made readable, or bound though it is not sensitive),
 * `not_found` (an action) and `precondition_failed` (it is not what `If-Match` says).
 */
export async function setVariable(
  deps: Deps,
  context: ChangeContext & { readonly project: { readonly id: string } },
  variable: { readonly name: string; readonly body: Body },
): Promise<{ readonly row: VariableRow; readonly created: boolean }> {
  const { name, body } = variable;
  const project = context.project.id;
  const action = body.action === undefined ? '' : (await readAction(deps.store, project, body.action)).id;
  const key = { project, action, name };
  return inTurn(deps.store, key, () => replace(deps, context, { key, body }));
}

/** Throws GuardFailed where somebody else changed it between the look and the commit. */
async function replace(
  deps: Deps,
  context: ChangeContext & { readonly project: { readonly id: string } },
  { key, body }: { readonly key: VariableKey; readonly body: Body },
): Promise<{ readonly row: VariableRow; readonly created: boolean }> {
  const [before] = await deps.store.read(selectVariable(deps.store, key));
  heedMatch(context.request, before?.revision ?? null);
  refuseBadValue(body, before);
  const id = before?.id ?? randomUUIDv7();
  const cells = await sealedOrPlain(deps, context, { id, body });
  const places = await placesOf(deps, context, body);
  const columns = { id, description: body.description, sensitive: Number(body.sensitive), ...cells };
  const told = { name: key.name, action: body.action ?? null, ...(body.bind && { bind: body.bind }) };
  await commit(deps, context, {
    operation: before === undefined ? 'variable.create' : 'variable.update',
    resource: `projects/${key.project}/variables/${id}`,
    details: {
      ...(before === undefined ? {} : { before: { revision: before.revision, ...stateOf(before) } }),
      after: { ...told, ...stateOf(columns) },
    },
    steps: [
      ...(key.action === '' ? [] : [actionGuard(deps.store, key.action)]),
      before === undefined
        ? insertVariable(deps.store, { ...columns, ...key })
        : updateVariable(deps.store, { ...columns, revision: before.revision }),
      ...(body.bind === undefined ? [] : bindVariable(deps.store, id, places)),
    ],
  });
  const [row] = await deps.store.read(selectVariable(deps.store, key));
  if (row === undefined) throw new Failure('conflict', 'The variable was deleted while it was being set.');
  return { row, created: before === undefined };
}

/** What the event says of a state. Of a sensitive value not even the length. */
function stateOf({
  description,
  sensitive,
  value,
}: Pick<VariableRow, 'description' | 'sensitive' | 'value'>): Readonly<Record<string, unknown>> {
  const shown = value !== null && value.length <= toldCharactersMax ? parseJson(value) : omitted;
  return { description, sensitive: sensitive === 1, value: sensitive === 1 ? redacted : shown };
}

/** Of a readable value; a longer one is not repeated in the record. */
const toldCharactersMax = 1_000;
const omitted = Object.freeze({ omitted: true });

/** Where somebody else created it meanwhile, it is an update after all. */
async function commit(
  deps: Deps,
  context: ChangeContext,
  change: Parameters<typeof commitChange>[2],
): Promise<void> {
  try {
    await commitChange(deps, context, change);
  } catch (error) {
    if (error instanceof Failure && error.code === 'name_taken') throw new GuardFailed(variableGuard);
    throw error;
  }
}

function refuseBadValue(body: Body, before: VariableRow | undefined): void {
  const text = stringifyJson(body.value);
  if (Buffer.byteLength(text) > variableBytesMax) {
    throw new Failure('invalid_request', `A variable may have ${variableBytesMax} bytes at the most.`);
  }
  if (before?.sensitive === 1 && !body.sensitive) {
    throw new Failure(
      'invalid_request',
      'It is sensitive and stays so. Delete it first to store a readable one.',
    );
  }
  if (!body.sensitive && body.bind !== undefined && body.bind.length > 0) {
    throw new Failure(
      'invalid_request',
      'Only a sensitive variable is bound; a readable one fills the input of its name by itself.',
    );
  }
  if (body.sensitive && !longEnough(body.value)) {
    throw new Failure(
      'secret_too_short',
      `A sensitive value needs ${secretCharactersMin} characters at least; a shorter one cannot be masked in output.`,
    );
  }
}

/** Every text inside must be long enough to be masked; a number or a truth value cannot be. */
function longEnough(value: Body['value']): boolean {
  if (typeof value === 'string') return value.length >= secretCharactersMin;
  if (Array.isArray(value)) return value.length > 0 && value.every(longEnough);
  if (typeof value === 'object' && value !== null && !JSON.isRawJSON(value)) {
    const members = Object.values(value as Record<string, Body['value']>);
    return members.length > 0 && members.every(longEnough);
  }
  return false;
}

async function sealedOrPlain(
  deps: Deps,
  context: ChangeContext & { readonly project: { readonly id: string } },
  { id, body }: { readonly id: string; readonly body: Body },
): Promise<{ readonly value: string | null; readonly envelope: string | null }> {
  const text = canonicalJson(body.value);
  if (!body.sensitive) return { value: text, envelope: null };
  const { organization } = context.caller.principal;
  const cell = variableCell({ organization, project: context.project.id, id });
  return { value: null, envelope: await deps.secrets.sealAtRest(text, cell) };
}

async function placesOf(
  deps: Deps,
  context: ChangeContext & { readonly project: { readonly id: string } },
  body: Body,
): Promise<readonly { readonly action: string; readonly input: string; readonly by: string }[]> {
  const by = context.caller.principal.id;
  const places = await Promise.all(
    (body.bind ?? []).map(async ({ action, input }) => ({
      action: (await readAction(deps.store, context.project.id, action)).id,
      input,
      by,
    })),
  );
  return [...new Map(places.map((place) => [`${place.action} ${place.input}`, place])).values()];
}
