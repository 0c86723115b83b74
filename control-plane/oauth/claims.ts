// What an access token says, written as the claims of RFC 9068 and RFC 8693, and read back from them.
import type { JWTPayload } from 'jose';
import { z } from 'zod';
import { delegationDepthMax, elevationMsMax } from '../../protocol/limits-authority.ts';
import type { TokenFacts } from './contract.ts';
import { detailsOf, detailsSchema, keptDetail } from './detail.ts';
import { hashOf } from './store.ts';

interface Act {
  readonly sub: string;
  readonly act?: Act | undefined;
}

const actSchema: z.ZodType<Act> = z.lazy(() => z.object({ sub: z.string(), act: actSchema.optional() }));

export const claimsSchema = z.object({
  iss: z.string(),
  sub: z.string(),
  aud: z.string(),
  exp: z.number(),
  nbf: z.number(),
  iat: z.number(),
  jti: z.string(),
  client_id: z.string(),
  scope: z.string().default(''),
  org: z.string(),
  principal_type: z.string(),
  acr: z.string().optional(),
  auth_time: z.number().optional(),
  elevated: z.boolean().optional(),
  act: actSchema.optional(),
  may_act: z.object({ sub: z.string() }).optional(),
  parents: z.array(z.string()).default([]),
  authorization_details: detailsSchema.optional(),
  cnf: z.object({ jkt: z.string() }).optional(),
});
export type Claims = z.output<typeof claimsSchema>;

/** The key under which a JWT itself is revoked. */
export function tokenKeyOf(jti: string): string {
  return hashOf('jwt', jti);
}

/** The key under which everything that a client obtained for itself is revoked. */
export function clientKey(clientId: string): string {
  return `client:${clientId}`;
}

/** Null where the chain of actors is longer than we let it become. */
export function factsOfClaims(claims: Claims): TokenFacts | null {
  const actors = actorsOf(claims.act);
  if (actors.length > delegationDepthMax) return null;
  const authenticatedAt = claims.auth_time === undefined ? null : claims.auth_time * 1_000;
  return {
    id: claims.jti,
    key: tokenKeyOf(claims.jti),
    organization: claims.org,
    subject: claims.sub,
    client: claims.client_id,
    audience: claims.aud,
    scope: claims.scope,
    detail: keptDetail(claims.authorization_details),
    issuedAt: claims.iat * 1_000,
    notBefore: claims.nbf * 1_000,
    expiresAt: claims.exp * 1_000,
    actors,
    mayAct: claims.may_act?.sub ?? null,
    parents: claims.parents,
    acr: claims.acr ?? null,
    authenticatedAt,
    elevated: claims.elevated ?? claims.principal_type === 'service',
    keyThumbprint: claims.cnf?.jkt ?? null,
  };
}

export function claimsOfFacts(
  facts: TokenFacts,
  about: { readonly issuer: string; readonly principalType: string },
): JWTPayload {
  const { detail } = facts;
  return {
    iss: about.issuer,
    sub: facts.subject,
    aud: facts.audience,
    exp: Math.floor(facts.expiresAt / 1_000),
    nbf: Math.floor(facts.notBefore / 1_000),
    iat: Math.floor(facts.issuedAt / 1_000),
    jti: facts.id,
    client_id: facts.client,
    scope: facts.scope,
    org: facts.organization,
    principal_type: about.principalType,
    ...(facts.acr === null ? {} : { acr: facts.acr }),
    ...(facts.authenticatedAt === null ? {} : { auth_time: Math.floor(facts.authenticatedAt / 1_000) }),
    elevated: facts.elevated,
    ...(facts.actors.length === 0 ? {} : { act: actOf(facts.actors) }),
    ...(facts.mayAct === null ? {} : { may_act: { sub: facts.mayAct } }),
    ...(facts.parents.length === 0 ? {} : { parents: [...facts.parents] }),
    ...(detail === null ? {} : { authorization_details: detailsOf(detail) }),
    ...(facts.keyThumbprint === null ? {} : { cnf: { jkt: facts.keyThumbprint } }),
  };
}

/** The outermost actor is the one that acts now (RFC 8693, section 4.1). */
export function actOf(actors: readonly string[]): Act | undefined {
  const [first, ...rest] = actors;
  if (first === undefined) return undefined;
  return rest.length === 0 ? { sub: first } : { sub: first, act: actOf(rest) };
}

function actorsOf(act: Act | undefined): readonly string[] {
  const actors: string[] = [];
  for (let at = act; at !== undefined && actors.length <= delegationDepthMax; at = at.act)
    actors.push(at.sub);
  return actors;
}

/** An elevation lasts minutes, whatever the token's own life is. */
export function isElevated(facts: TokenFacts, now: number): boolean {
  if (!facts.elevated) return false;
  return facts.authenticatedAt === null || now - facts.authenticatedAt < elevationMsMax;
}
