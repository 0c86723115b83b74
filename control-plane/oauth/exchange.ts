// Token exchange (RFC 8693): a narrower token from one that is there, for its subject itself, or for one who acts for
// it and is named in the token. A token never becomes wider, and never becomes somebody else's in silence.
import type { KoaContextWithOIDC } from 'oidc-provider';
import { delegationDepthMax } from '../../protocol/limits-authority.ts';
import { isPersonalToken } from '../authority/token.ts';
import type { Caller } from '../authority/caller.ts';
import { mayImpersonate } from '../authority/cover.ts';
import type { PrincipalRecord } from '../authority/policy.ts';
import { callerOf } from './authenticator.ts';
import {
  bearerClientId,
  callerOfCredential,
  firstParties,
  goodPrincipal,
  readCredential,
} from './clients.ts';
import type { OauthParts, TokenFacts } from './contract.ts';
import { detailWithin } from './detail.ts';
import { audienceOf as audienceNamed } from './audience.ts';
import type { Permission } from '../../protocol/permissions.ts';
import { personalKey } from './inspect.ts';
import type { TokenInspector } from './inspect.ts';
import { issueAccessToken, requestFactsOf, tokenAnswer } from './issue.ts';
import type { Issue } from './issue.ts';
import { isElevated } from './claims.ts';
import type { Library } from './load-library.ts';
import { narrower, scopeWithin, unknownScopes } from './scope.ts';
import { provenKeyOf } from './token-proof.ts';

export const accessTokenType = 'urn:ietf:params:oauth:token-type:access_token';
const jwtType = 'urn:ietf:params:oauth:token-type:jwt';

export const exchangeParameters = [
  'subject_token',
  'subject_token_type',
  'actor_token',
  'actor_token_type',
  'requested_token_type',
  'requested_subject',
  'may_act',
  'scope',
  'resource',
  'audience',
  'authorization_details',
] as const;
type Parameters = Readonly<Record<(typeof exchangeParameters)[number], string | undefined>>;

type Deps = OauthParts & {
  readonly inspector: TokenInspector;
  readonly errors: Library['errors'];
};

/** A token that somebody presented, found good. */
interface Holder {
  readonly caller: Caller;
  /** Null for a personal token. */
  readonly facts: TokenFacts | null;
}

/** The handler of the grant: reads as the list of its steps. */
export function exchangeGrant(deps: Deps): (ctx: KoaContextWithOIDC) => Promise<void> {
  return async (ctx) => {
    const parameters = ctx.oidc.params as unknown as Parameters;
    checkTypes(deps, parameters);
    const thumbprint = await provenKeyOf(deps, ctx);
    const subject = await holderOf(deps, parameters.subject_token, { name: 'subject_token', thumbprint });
    const actor =
      parameters.actor_token === undefined
        ? null
        : await holderOf(deps, parameters.actor_token, { name: 'actor_token', thumbprint });
    const parties = await partiesOf(deps, ctx, { subject, actor, parameters });
    const audience = await audienceFor(deps, parameters);
    const detail = await detailWithin(deps, parameters.authorization_details, subject.facts?.detail ?? null);
    const { scope, notAfter } = limitsOf(deps, parameters, { subject, actor });
    const issued = await issueAccessToken(
      deps,
      {
        ...parties,
        ...elevationOf(deps, subject, parties),
        client: ctx.oidc.client?.clientId ?? '',
        audience,
        detail,
        scope,
        notAfter,
        mayAct: mayActOf(deps, parameters),
        parents: [
          ...new Set([subject, actor].flatMap((holder) => (holder === null ? [] : parentsOf(holder)))),
        ],
        keyThumbprint: thumbprint,
      },
      {
        grantType: 'token-exchange',
        details: { parent: subject.caller.credential?.id ?? null },
        request: requestFactsOf(ctx),
      },
    );
    ctx.body = { ...tokenAnswer(issued, deps.clock.now()), issued_token_type: accessTokenType };
  };
}

function checkTypes({ errors }: Deps, parameters: Parameters): void {
  const { InvalidRequest } = errors;
  if (parameters.subject_token === undefined) throw new InvalidRequest('subject_token is missing');
  const types = [parameters.subject_token_type, parameters.actor_token_type].filter(
    (type) => type !== undefined,
  );
  if (
    parameters.subject_token_type === undefined ||
    types.some((type) => ![accessTokenType, jwtType].includes(type))
  ) {
    throw new InvalidRequest(`subject_token_type and actor_token_type are ${accessTokenType}`);
  }
  if ((parameters.actor_token === undefined) !== (parameters.actor_token_type === undefined)) {
    throw new InvalidRequest('actor_token and actor_token_type go together');
  }
  const asked = parameters.requested_token_type;
  if (asked !== undefined && asked !== accessTokenType && asked !== jwtType) {
    throw new InvalidRequest('only access tokens are given out here');
  }
}

async function holderOf(
  deps: Deps,
  text: string | undefined,
  asked: { readonly name: string; readonly thumbprint: string | null },
): Promise<Holder> {
  const refused = () => new deps.errors.InvalidGrant(`the ${asked.name} is not good`);
  if (text === undefined) throw refused();
  try {
    if (isPersonalToken(text)) {
      const presented = { method: 'POST', authorization: `Bearer ${text}` } as const;
      const nothing = { cookie: undefined, origin: undefined, host: undefined };
      return { caller: await deps.authority.authenticate({ ...presented, ...nothing }), facts: null };
    }
    const facts = await deps.inspector.inspect(text);
    // A token that is bound to a key is worth nothing here either without that key.
    if (facts === null || (facts.keyThumbprint !== null && facts.keyThumbprint !== asked.thumbprint)) {
      throw refused();
    }
    if (facts.audience !== deps.issuer()) throw refused();
    return { caller: callerOf(deps, facts, deps.clock.now()), facts };
  } catch (cause) {
    if (cause instanceof deps.errors.OIDCProviderError) throw cause;
    throw refused();
  }
}

interface Parties {
  readonly subject: PrincipalRecord;
  /** Nearest first. */
  readonly actors: readonly string[];
}

/**
 * Whose token it becomes, and who acts. A service that presents another's token, and somebody who asks for another's
 * (`requested_subject`), act for them: by the subject's word (`may_act`) or by a right of their own, never unnamed.
 */
async function partiesOf(
  deps: Deps,
  ctx: KoaContextWithOIDC,
  asked: { readonly subject: Holder; readonly actor: Holder | null; readonly parameters: Parameters },
): Promise<Parties> {
  const { subject, parameters } = asked;
  const holder = subject.caller.principal;
  const chain = subject.caller.actors.map(({ id }) => id);
  const wanted = parameters.requested_subject;
  if (wanted !== undefined) {
    const target = findPrincipal(deps, wanted);
    if (target === null || asked.actor !== null) throw deny(deps);
    if (target.id === holder.id) return { subject: holder, actors: chain };
    return actFor(deps, { subject: target, actor: subject.caller, chain: [], granted: false });
  }
  const actor = asked.actor?.caller ?? (await callerOfClient(deps, ctx));
  if (actor === null || actor.principal.id === holder.id) return { subject: holder, actors: chain };
  const granted = subject.facts?.mayAct === actor.principal.id;
  return actFor(deps, { subject: holder, actor, chain, granted });
}

function actFor(
  deps: Deps,
  act: {
    readonly subject: PrincipalRecord;
    readonly actor: Caller;
    /** Who acted for the subject so far. */
    readonly chain: readonly string[];
    readonly granted: boolean;
  },
): Parties {
  const { subject, actor, chain, granted } = act;
  const own = [actor.principal, ...actor.actors].map(({ id }) => id);
  const actors = chain[0] === actor.principal.id ? chain : [...own, ...chain];
  if (actors.length > delegationDepthMax) {
    throw new deps.errors.InvalidRequest(`a token passes on through ${delegationDepthMax} hands at the most`);
  }
  const asked = { actor, subject, granted, at: deps.clock.now() };
  if (!mayImpersonate(deps.authority.policy(), asked).allowed) throw deny(deps);
  return { subject, actors };
}

function deny({ errors }: Deps): Error {
  return new errors.InvalidGrant('this actor may not act for this subject');
}

/** Null for clients that are nobody themselves, such as the command line. */
async function callerOfClient(deps: Deps, ctx: KoaContextWithOIDC): Promise<Caller | null> {
  const id = ctx.oidc.client?.clientId ?? '';
  if (firstParties.has(id) || id === bearerClientId) return null;
  const credential = await readCredential(deps, id);
  if (credential === null) throw deny(deps);
  return callerOfCredential(credential);
}

function findPrincipal(deps: Deps, reference: string): PrincipalRecord | null {
  const policy = deps.authority.policy();
  const found = policy.principals.get(reference) ?? policy.principalsByName.get(reference);
  return found === undefined ? null : goodPrincipal(policy, found.id);
}

async function audienceFor(deps: Deps, parameters: Parameters): Promise<string> {
  const asked = [parameters.resource, parameters.audience].flat().filter((each) => each !== undefined);
  const [first = deps.issuer(), ...more] = [...new Set(asked)];
  if (more.length > 0) throw new deps.errors.InvalidTarget('a token is for one resource');
  const audience = await audienceNamed(deps, first);
  if (audience === null) throw new deps.errors.InvalidTarget();
  return audience;
}

/** The scope and the end: of the subject's token, and of the actor's where there is one. */
function limitsOf(
  deps: Deps,
  parameters: Parameters,
  holders: { readonly subject: Holder; readonly actor: Holder | null },
): { readonly scope: string; readonly notAfter: number | null } {
  const credentials = [holders.subject, holders.actor].flatMap((holder) => {
    const credential = holder?.caller.credential ?? null;
    return credential === null ? [] : [credential];
  });
  const ceiling = credentials.reduce<ReadonlySet<Permission> | null>(
    (so, { permissions }) => narrower(so, permissions),
    null,
  );
  const [unknown] = unknownScopes(parameters.scope);
  if (unknown !== undefined) throw new deps.errors.InvalidScope('there is no such scope', unknown);
  const scope = scopeWithin(ceiling, parameters.scope);
  if (scope === null) {
    throw new deps.errors.InvalidScope('the subject_token does not allow so much', parameters.scope ?? '');
  }
  const ends = credentials.flatMap(({ expiresAt }) => (expiresAt === null ? [] : [expiresAt]));
  return { scope, notAfter: ends.length === 0 ? null : Math.min(...ends) };
}

/** Being somebody for whom one acts is never elevated: what is sensitive is done by oneself. */
function elevationOf(
  deps: Deps,
  subject: Holder,
  parties: Parties,
): Pick<Issue, 'acr' | 'authenticatedAt' | 'elevated'> {
  const { credential, principal } = subject.caller;
  const itself = principal.id === parties.subject.id;
  if (!itself) return { elevated: parties.subject.kind === 'service' };
  return {
    acr: subject.facts?.acr ?? null,
    authenticatedAt: credential?.authenticatedAt ?? null,
    elevated:
      subject.facts === null ? (credential?.elevated ?? false) : isElevated(subject.facts, deps.clock.now()),
  };
}

/** The principal that the new token's subject allows to act for it. */
function mayActOf(deps: Deps, parameters: Parameters): string | null {
  if (parameters.may_act === undefined) return null;
  const principal = findPrincipal(deps, parameters.may_act);
  if (principal === null) throw new deps.errors.InvalidRequest('may_act names nobody');
  return principal.id;
}

/** What the new token ends with: the token that it was made from, and all with which that one ends. */
function parentsOf({ caller, facts }: Holder): readonly string[] {
  if (facts === null) return [personalKey(caller.credential?.id ?? '')];
  return [facts.key, ...facts.parents];
}
