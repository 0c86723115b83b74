// Gives out an access token that is a JWT, with the audit event of it: first what happened is written, then the token
// leaves.
import { randomUUIDv7 } from 'node:crypto';
import type { KoaContextWithOIDC } from 'oidc-provider';
import { accessTokenMs } from '../../protocol/limits-authority.ts';
import type { PrincipalRecord } from '../authority/policy.ts';
import type { Step } from '../store/store.ts';
import { claimsOfFacts } from './claims.ts';
import type { OauthParts, TokenFacts } from './contract.ts';

type Deps = Pick<OauthParts, 'signer' | 'issuer' | 'clock' | 'store' | 'audit' | 'authority'>;

/** What is particular to the new token; the rest follows from when and for whom. */
export type Issue = Partial<
  Pick<
    TokenFacts,
    'actors' | 'mayAct' | 'parents' | 'acr' | 'authenticatedAt' | 'detail' | 'keyThumbprint' | 'elevated'
  >
> & {
  readonly subject: PrincipalRecord;
  readonly client: string;
  readonly audience: string;
  readonly scope: string;
  /** Epoch ms that it does not outlive, beside the life that every access token has. */
  readonly notAfter?: number | null;
};

/** What the audit says of it. */
export interface IssueFacts {
  readonly grantType: string;
  readonly details?: Readonly<Record<string, unknown>>;
  /** Where it was asked for. */
  readonly request: Readonly<Record<string, unknown>>;
}

export interface Issued {
  readonly token: string;
  readonly facts: TokenFacts;
}

/** Resolves when the audit event is durable. */
export async function issueAccessToken(deps: Deps, issue: Issue, about: IssueFacts): Promise<Issued> {
  const now = deps.clock.now();
  const { subject, notAfter, ...particular } = issue;
  const id = randomUUIDv7();
  const facts: TokenFacts = {
    id,
    key: '',
    organization: subject.organization,
    subject: subject.id,
    issuedAt: now,
    notBefore: now,
    expiresAt: Math.min(now + accessTokenMs, notAfter ?? Infinity),
    detail: null,
    actors: [],
    mayAct: null,
    parents: [],
    acr: null,
    authenticatedAt: null,
    elevated: subject.kind === 'service',
    keyThumbprint: null,
    ...particular,
  };
  const token = await deps.signer.sign(
    claimsOfFacts(facts, { issuer: deps.issuer(), principalType: subject.kind }),
  );
  await deps.store.write([issuedEvent(deps, facts, about)]);
  return { token, facts };
}

/** The audit event of a token that was given out. */
export function issuedEvent(
  deps: Pick<Deps, 'audit' | 'authority'>,
  facts: Pick<TokenFacts, 'id' | 'subject' | 'client' | 'scope' | 'audience' | 'actors' | 'expiresAt'>,
  about: IssueFacts,
): Step {
  const { principals, organization } = deps.authority.policy();
  const principal = principals.get(facts.subject);
  const { id, client, scope, audience, actors, expiresAt } = facts;
  return deps.audit.step({
    organization: organization.id,
    principal:
      principal === undefined ? null : { id: principal.id, name: principal.name, kind: principal.kind },
    operation: 'access_token.issue',
    permission: null,
    resource: `access-tokens/${id}`,
    result: 'allowed',
    decision: null,
    details: {
      grant_type: about.grantType,
      client,
      scope,
      audience,
      expires_at: expiresAt,
      ...(actors.length === 0 ? {} : { actors: [...actors] }),
      ...about.details,
    },
    request: about.request,
  });
}

export function requestFactsOf(ctx: KoaContextWithOIDC): Readonly<Record<string, unknown>> {
  return { id: ctx.get('x-request-id'), method: ctx.method, path: ctx.path, ip: ctx.get('x-peer-address') };
}

/** The answer of the token endpoint (RFC 6749, section 5.1; RFC 8693, section 2.2.1). */
export function tokenAnswer({ token, facts }: Issued, now: number): Readonly<Record<string, unknown>> {
  return {
    access_token: token,
    token_type: facts.keyThumbprint === null ? 'Bearer' : 'DPoP',
    expires_in: Math.max(0, Math.floor((facts.expiresAt - now) / 1_000)),
    scope: facts.scope,
  };
}
