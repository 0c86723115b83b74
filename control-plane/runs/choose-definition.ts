// Which definition a request is checked against and frozen to (rules.md 18 and 19). Pure.
import { Failure } from '../../protocol/failures.ts';
import type { AdvertisedDefinition, OperationFacts } from './neighbours.ts';

/** Definitions of one digest, as a request sees them. */
export interface DefinitionChoice {
  readonly digest: string;
  /** JSON Schema of the inputs as text; null where the action declares none. */
  readonly schema: string | null;
  readonly timeoutMs: number;
  /** Only where every agent that advertises the digest says so. */
  readonly idempotent: boolean;
}

/**
 * The definitions that a request may be frozen to, best first: advertised by an agent that is online, then the
 * newest. Throws `action_never_advertised`, `digest_gone` (the digest that the request asks for) and
 * `definition_not_accepted` (in a pinned group).
 */
export function choosableDefinitions(
  facts: OperationFacts,
  request: { readonly operation: string; readonly digest: string | undefined },
  isOnline: (agent: string) => boolean,
): readonly [DefinitionChoice, ...DefinitionChoice[]] {
  const { operation, digest } = request;
  const advertised = facts.definitions;
  if (advertised.length === 0) {
    throw new Failure(
      'action_never_advertised',
      `No agent of the group ${facts.group.name} has ever advertised ${operation}. Define it in an agent's file.`,
    );
  }
  const wanted = advertised.filter((definition) => digest === undefined || definition.digest === digest);
  if (wanted.length === 0) {
    throw new Failure(
      'digest_gone',
      `No agent advertises ${operation} with the digest ${digest} any more. Look at the action again, then retry.`,
    );
  }
  const dispatchable = wanted.filter((definition) => isDispatchable(facts, definition));
  const [best, ...rest] = [...groupByDigest(dispatchable, isOnline)].map(choiceOf);
  if (best === undefined) {
    throw new Failure(
      'definition_not_accepted',
      `The group ${facts.group.name} is pinned, and nobody has accepted this definition of ${operation} yet.`,
    );
  }
  return [best, ...rest];
}

function isDispatchable(facts: OperationFacts, definition: AdvertisedDefinition): boolean {
  return !facts.group.pinned || facts.accepted.has(definition.digest);
}

function groupByDigest(
  definitions: readonly AdvertisedDefinition[],
  isOnline: (agent: string) => boolean,
): Iterable<readonly AdvertisedDefinition[]> {
  const rank = (definition: AdvertisedDefinition): number => (isOnline(definition.agent) ? 0 : 1);
  const ordered = [...definitions].sort((a, b) => rank(a) - rank(b) || b.advertised_at - a.advertised_at);
  const byDigest = new Map<string, AdvertisedDefinition[]>();
  for (const definition of ordered) {
    byDigest.set(definition.digest, [...(byDigest.get(definition.digest) ?? []), definition]);
  }
  return byDigest.values();
}

function choiceOf(definitions: readonly AdvertisedDefinition[]): DefinitionChoice {
  const [first] = definitions;
  if (first === undefined) throw new Error('a digest without a definition');
  return {
    digest: first.digest,
    schema: first.inputs,
    timeoutMs: first.timeout_ms,
    idempotent: definitions.every(({ idempotent }) => idempotent === 1),
  };
}
