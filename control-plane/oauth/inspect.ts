// Finds out what an access token says, if it is one of ours and good now. Whoever presents it may still have to prove
// that they hold its key; that is the authenticator's business.
import { importJWK, jwtVerify } from 'jose';
import type { CryptoKey, JWTVerifyGetKey } from 'jose';
import { z } from 'zod';
import { parseJson } from '../../protocol/json.ts';
import { tokenPrefixes } from '../../protocol/ids.ts';
import { clockSkewMsMax } from '../../protocol/limits.ts';
import { bearerCharactersMax, verifiedTokensMax } from '../../protocol/limits-authority.ts';
import type { Policy } from '../authority/policy.ts';
import { artifactId, familyKey } from './adapter.ts';
import { claimsSchema, clientKey, factsOfClaims } from './claims.ts';
import type { OauthParts, TokenFacts } from './contract.ts';
import { detailsSchema, keptDetail } from './detail.ts';
import type { Liveness } from './liveness.ts';
import { hashOf, selectArtifact } from './store.ts';
import { uuidOf } from './uuid.ts';

type Deps = Pick<OauthParts, 'store' | 'authority' | 'clock' | 'liveness' | 'issuer'>;

export interface TokenInspector {
  /** Null for whatever is not a good token of ours. Throws only what the store throws. */
  inspect(text: string): Promise<TokenFacts | null>;
}

export function openInspector(deps: Deps): TokenInspector {
  const imported = new Map<string, CryptoKey>();
  const verified = new Map<string, { readonly kid: string; readonly facts: TokenFacts }>();

  const keyFor = (liveness: Liveness): JWTVerifyGetKey => {
    return async ({ kid = '' }) => {
      const published = liveness.keys.find((key) => key.kid === kid);
      if (published === undefined) throw new Error('no key of ours');
      const known = imported.get(kid);
      if (known !== undefined) return known;
      const key = (await importJWK(published.publicJwk, 'ES256')) as CryptoKey;
      imported.set(kid, key);
      return key;
    };
  };

  const verifyJwt = async (text: string, liveness: Liveness): Promise<TokenFacts | null> => {
    const cacheKey = hashOf('verified', text);
    const known = verified.get(cacheKey);
    if (known !== undefined && liveness.keys.some(({ kid }) => kid === known.kid)) return known.facts;
    try {
      const { payload, protectedHeader } = await jwtVerify(text, keyFor(liveness), {
        issuer: deps.issuer(),
        typ: 'at+jwt',
        algorithms: ['ES256'],
        clockTolerance: clockSkewMsMax / 1_000,
        currentDate: new Date(deps.clock.now()),
      });
      const facts = factsOfClaims(claimsSchema.parse(payload));
      if (facts === null) return null;
      if (verified.size >= verifiedTokensMax) verified.delete(verified.keys().next().value ?? '');
      verified.set(cacheKey, { kid: protectedHeader.kid ?? '', facts });
      return facts;
    } catch {
      return null;
    }
  };

  return {
    async inspect(text) {
      if (text.length > bearerCharactersMax) return null;
      const liveness = await deps.liveness.now();
      const facts = text.startsWith(tokenPrefixes.access)
        ? await readOpaque(deps, text)
        : await verifyJwt(text, liveness);
      if (facts === null || !isInTime(facts, deps.clock.now())) return null;
      return isAlive(deps.authority.policy(), facts, liveness) ? facts : null;
    },
  };
}

function isInTime({ notBefore, expiresAt }: TokenFacts, now: number): boolean {
  // An end is an end: the skew is for tokens that seem to come from the future.
  return notBefore <= now + clockSkewMsMax && expiresAt > now;
}

function isAlive(policy: Policy, facts: TokenFacts, liveness: Liveness): boolean {
  const keys = [facts.key, clientKey(facts.client), ...facts.parents];
  if (keys.some((key) => liveness.isRevoked(key))) return false;
  return facts.parents.every((key) => {
    const personal = /^personal:(.*)$/.exec(key)?.[1];
    return personal === undefined || personalTokens(policy).has(personal);
  });
}

/** Names a personal token among the parents of a token. */
export function personalKey(id: string): string {
  return `personal:${id}`;
}

const goodPersonalTokens = new WeakMap<Policy, ReadonlySet<string>>();

function personalTokens(policy: Policy): ReadonlySet<string> {
  const known = goodPersonalTokens.get(policy);
  if (known !== undefined) return known;
  const ids = new Set([...policy.tokensByHash.values()].filter((each) => !each.revoked).map(({ id }) => id));
  goodPersonalTokens.set(policy, ids);
  return ids;
}

const opaqueSchema = z.object({
  accountId: z.string(),
  clientId: z.string(),
  aud: z.string(),
  scope: z.string().default(''),
  iat: z.number(),
  exp: z.number(),
  jkt: z.string().optional(),
  rar: detailsSchema.optional(),
  extra: z.object({
    org: z.string(),
    acr: z.string().optional(),
    auth_time: z.number().optional(),
    elevated: z.boolean().optional(),
  }),
});

async function readOpaque(deps: Deps, text: string): Promise<TokenFacts | null> {
  const key = artifactId('AccessToken', text);
  const [row] = (await deps.store.glance([selectArtifact(deps.store, key)]))[0] ?? [];
  if (row === undefined || typeof row['payload'] !== 'string') return null;
  const parsed = opaqueSchema.safeParse(parseJson(row['payload']));
  if (!parsed.success) return null;
  const { accountId, clientId, aud, scope, iat, exp, jkt, rar, extra } = parsed.data;
  const family = row['grant_hash'];
  return {
    id: uuidOf(key),
    key,
    organization: extra.org,
    subject: accountId,
    client: clientId,
    audience: aud,
    scope,
    detail: keptDetail(rar),
    issuedAt: iat * 1_000,
    notBefore: iat * 1_000,
    expiresAt: exp * 1_000,
    actors: [],
    mayAct: null,
    parents: typeof family === 'string' ? [familyKey(family)] : [],
    acr: extra.acr ?? null,
    authenticatedAt: extra.auth_time === undefined ? null : extra.auth_time * 1_000,
    elevated: extra.elevated ?? false,
    keyThumbprint: jkt ?? null,
  };
}
