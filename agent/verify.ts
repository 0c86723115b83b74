// Whether an offer is what it says: signed by this control plane, for this agent, fresh, about a definition that is
// loaded, with the inputs that were signed, and inputs that the definition allows. Nothing is trusted before it fits.
import type { CryptoKey, JWK } from 'jose';
import { checkInputs } from '../hcl/agent-file/check-inputs.ts';
import type { ActionDefinition, AgentSettings } from '../hcl/agent-file/definition.ts';
import { defineInputSchema } from '../hcl/agent-file/input-schema.ts';
import { convert } from '../hcl/convert.ts';
import { valueFromJson } from '../hcl/json.ts';
import { ANY, NULL, SENSITIVE, TAINTED, withMarksDeep } from '../hcl/values.ts';
import type { Type, Value } from '../hcl/values.ts';
import { Failure } from '../protocol/failures.ts';
import { inputsDigest, verifyIntentWith } from '../protocol/intent.ts';
import type { Intent, IntentInput } from '../protocol/intent.ts';
import { stringifyJson } from '../protocol/json.ts';
import { clockSkewMsMax, intentMsMax } from '../protocol/limits.ts';
import { openInputs } from '../protocol/seal.ts';
import type { SealedInputs } from '../protocol/seal.ts';
import type { RunContext, RunRequest } from './contract.ts';
import { intentVerifierOf } from './intent-verifier.ts';
import type { OfferFrame } from './work-state.ts';

/** What an offer is measured against, as it is at this moment. */
export interface VerifyContext {
  readonly agent: { readonly id: string; readonly name: string };
  readonly organization: string;
  readonly project: string;
  /** The keys that verify intents, as enrolment or the welcome gave them. */
  readonly intentKeys: readonly JWK[];
  /** The sealing key of that id, or null; former ones open what was sealed before a rotation. */
  readonly openKey: (kid: string) => CryptoKey | null;
  readonly settings: AgentSettings;
  /** `host:port` of the control plane, by name and by address: no operation may reach it. */
  readonly deniedTargets: readonly string[];
  readonly find: (group: string, operation: string) => ActionDefinition | null;
  /** Epoch ms of this machine. */
  readonly now: number;
  /** The server's clock minus this one, as the welcome told; null before the first. */
  readonly skewMs: number | null;
}

export type Verification =
  { readonly request: RunRequest; readonly code: null } | { readonly code: string; readonly message: string };

/** Answers the request that may be executed, or why not, with a code of `protocol/failures.ts`. Never throws. */
export async function verifyOffer(offer: OfferFrame, context: VerifyContext): Promise<Verification> {
  try {
    const intent = await verifyIntentWith(offer.intent, intentVerifierOf(context.intentKeys));
    checkAudience(intent, offer, context);
    checkAge(intent, context);
    const action = findAction(intent, context);
    const sealed = await openInputs(offer.inputs, context.openKey, {
      run: intent.run,
      attempt: intent.attempt,
      agent: intent.agent,
      digest: intent.definition_digest,
      notAfter: intent.not_after,
    });
    if ((await inputsDigest(sealed.inputs)) !== intent.inputs_digest) {
      throw new Failure('invalid_intent', 'The inputs are not those that were signed.');
    }
    const inputs = inputValues(action, sealed.inputs);
    return {
      code: null,
      request: {
        action,
        settings: context.settings,
        deniedTargets: context.deniedTargets,
        inputs,
        context: { ...runContext(intent, sealed, context), ...tokenOf(action, sealed) },
      },
    };
  } catch (cause) {
    if (cause instanceof Failure) return { code: cause.code, message: cause.message };
    return { code: 'invalid_intent', message: 'The offer could not be read.' };
  }
}

function checkAudience(intent: Intent, offer: OfferFrame, context: VerifyContext): void {
  const right =
    intent.run === offer.run &&
    intent.attempt === offer.attempt &&
    intent.agent === context.agent.id &&
    intent.organization === context.organization &&
    intent.project === context.project;
  if (!right) throw new Failure('wrong_audience', 'The signed request is for another agent, project or run.');
}

/** A clock that is known to be wrong is this agent's trouble alone, so another one may still take the run. */
function checkAge(intent: Intent, { now, skewMs }: VerifyContext): void {
  const skewed = skewMs !== null && Math.abs(skewMs) > clockSkewMsMax;
  if (intent.issued_at > now + clockSkewMsMax) {
    throw new Failure('clock_skew', 'The request was signed in the future: set the clock of this machine.');
  }
  if (now > intent.not_after) {
    throw skewed
      ? new Failure('clock_skew', 'The clock of this machine differs too much from the control plane.')
      : new Failure('intent_expired', 'The signed request is older than it may be.');
  }
  if (intent.not_after - intent.issued_at > intentMsMax) {
    throw new Failure('invalid_intent', 'The signed request would be good for longer than is allowed.');
  }
}

function findAction(intent: Intent, context: VerifyContext): ActionDefinition {
  const action = context.find(intent.group, intent.operation);
  if (action === null) {
    throw new Failure(
      'unknown_operation',
      `No action "${intent.operation}" in the group "${intent.group}" is loaded on this agent.`,
    );
  }
  if (action.digest !== intent.definition_digest) {
    throw new Failure('digest_gone', 'The definition was changed since the run was requested.');
  }
  return action;
}

/** Values by input name, defaults filled in, every one tainted (rules.md 21). */
function inputValues(
  action: ActionDefinition,
  given: Readonly<Record<string, IntentInput>>,
): ReadonlyMap<string, Value> {
  const entries = new Map(Object.entries(given));
  if (action.declaresInputs) checkDeclared(action, entries);
  const values = new Map<string, Value>();
  for (const [name, input] of entries) {
    const definition = action.inputs.find((candidate) => candidate.name === name);
    const sensitive = definition?.sensitive === true || input.salt !== undefined;
    const marks = TAINTED | (sensitive ? SENSITIVE : 0);
    values.set(name, withMarksDeep(valueOf(name, input, definition?.type ?? ANY), marks));
  }
  for (const definition of action.inputs) {
    if (!values.has(definition.name)) {
      values.set(definition.name, withMarksDeep(definition.default ?? NULL, TAINTED));
    }
  }
  return values;
}

function checkDeclared(action: ActionDefinition, given: ReadonlyMap<string, IntentInput>): void {
  const problems = checkInputs(
    defineInputSchema(action.inputs),
    new Map([...given].map(([name, input]) => [name, input.value])),
  );
  if (problems.length > 0) {
    const list = problems.map(({ input, message }) => `${input}: ${message}`).join(' ');
    throw new Failure('inputs_rejected', `The inputs do not fit the definition. ${list}`.slice(0, 2_000));
  }
  for (const { name, sensitive } of action.inputs) {
    if (sensitive && given.get(name)?.salt === undefined && given.has(name)) {
      throw new Failure('inputs_rejected', `The sensitive input ${name} came without a seal.`);
    }
  }
}

function valueOf(name: string, input: IntentInput, type: Type): Value {
  try {
    const converted = convert(valueFromJson(stringifyJson(input.value)), type);
    if ('value' in converted) return converted.value;
    throw new Failure('inputs_rejected', `The input ${name} does not fit: ${converted.problem}.`);
  } catch (cause) {
    if (cause instanceof Failure) throw cause;
    throw new Failure('inputs_rejected', `The input ${name} is beyond the limits of a value.`, { cause });
  }
}

/** An action that asks for none gets none, whatever came. */
function tokenOf(action: ActionDefinition, { token }: SealedInputs): { readonly token?: string } {
  if (!action.token) return {};
  if (token !== undefined) return { token };
  throw new Failure(
    'inputs_rejected',
    'The action asks for a token of the run, and this control plane gave none: is it of an older version?',
  );
}

function runContext(intent: Intent, { context }: SealedInputs, { agent }: VerifyContext): RunContext {
  const application = context['application.name'];
  return {
    runId: intent.run,
    attempt: intent.attempt,
    requestedBy: intent.requested_by.name,
    agent,
    actionName: intent.action.name,
    applicationName: typeof application === 'string' ? application : null,
  };
}
