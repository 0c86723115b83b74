// Workload federation: the token of an outside issuer stands for a service, where its claims satisfy the condition that
// somebody set. Why one does not is told to the audit only.
import { decodeJwt, errors, jwtVerify } from 'jose';
import type { JWTPayload } from 'jose';
import { parseJson } from '../../protocol/json.ts';
import { clockSkewMsMax } from '../../protocol/limits.ts';
import { bearerCharactersMax, federationsPerIssuerMax } from '../../protocol/limits-authority.ts';
import type { PrincipalRecord } from '../authority/policy.ts';
import type { OauthFederationsTable } from '../store/tables-oauth.ts';
import { selectFederationsOfIssuer } from './client-store.ts';
import { goodPrincipal } from './clients.ts';
import { conditionHolds } from './condition.ts';
import type { OauthParts } from './contract.ts';

export const outsideAlgorithms = ['ES256', 'ES384', 'RS256', 'PS256', 'EdDSA', 'Ed25519'];

export interface Federated {
  readonly federation: OauthFederationsTable;
  readonly principal: PrincipalRecord;
  readonly claims: JWTPayload;
}

export interface PresentedAssertion {
  readonly assertion: string;
  readonly provider: string | null;
  /** For the audit: where it was presented. */
  readonly request: Readonly<Record<string, unknown>>;
}

/** The key under which everything that came through a federation is revoked. */
export function federationKey(id: string): string {
  return `federation:${id}`;
}

type Deps = Pick<OauthParts, 'store' | 'authority' | 'audit' | 'clock' | 'issuerKeys' | 'countDenial'>;

/**
 * The service that the token stands for, or null. `provider` names one federation by id or name; without it exactly one
 * of the issuer's must hold.
 */
export async function federate(deps: Deps, presented: PresentedAssertion): Promise<Federated | null> {
  const { assertion, provider } = presented;
  if (assertion.length > bearerCharactersMax) return null;
  const issuer = issuerOf(assertion);
  if (issuer === null) return null;
  const all = await deps.store.read(
    selectFederationsOfIssuer(deps.store, { issuer, limit: federationsPerIssuerMax }),
  );
  const candidates = all.filter(({ id, name }) => provider === null || [id, name].includes(provider));
  const held: Federated[] = [];
  for (const federation of candidates) {
    const outcome = await judge(deps, federation, assertion);
    if ('claims' in outcome) held.push(outcome);
    else await recordRefusal(deps, { federation, refused: outcome, request: presented.request });
  }
  const [only] = held;
  return held.length === 1 && only !== undefined ? only : null;
}

/** Who says to have written the assertion, before anything of it is believed; null where it is no JWT. */
export function issuerOf(assertion: string): string | null {
  try {
    return decodeJwt(assertion).iss ?? null;
  } catch {
    return null;
  }
}

interface Refused {
  readonly reason: string;
  /** Whether the issuer has signed it: what strangers send is counted, and fills no trail. */
  readonly signed: boolean;
}

/** What it stands for, or why it does not. */
async function judge(
  deps: Deps,
  federation: OauthFederationsTable,
  assertion: string,
): Promise<Federated | Refused> {
  const principal = goodPrincipal(deps.authority.policy(), federation.principal);
  if (principal === null) return { reason: 'the service is disabled', signed: false };
  let claims: JWTPayload;
  try {
    const keys = await deps.issuerKeys.of({ url: federation.issuer, jwksUri: federation.jwks_uri });
    const verified = await jwtVerify(assertion, keys, {
      issuer: federation.issuer,
      audience: parseJson(federation.audiences) as string[],
      algorithms: outsideAlgorithms,
      requiredClaims: ['exp', 'sub'],
      clockTolerance: clockSkewMsMax / 1_000,
      currentDate: new Date(deps.clock.now()),
    });
    claims = verified.payload;
  } catch (error) {
    const signed = error instanceof errors.JWTClaimValidationFailed || error instanceof errors.JWTExpired;
    return { reason: error instanceof Error ? error.message : 'it cannot be verified', signed };
  }
  const condition = conditionHolds(federation.condition, claims);
  return condition.holds ? { federation, principal, claims } : { reason: condition.because, signed: true };
}

async function recordRefusal(
  deps: Deps,
  about: {
    readonly federation: OauthFederationsTable;
    readonly refused: Refused;
    readonly request: Readonly<Record<string, unknown>>;
  },
): Promise<void> {
  const { federation, refused, request } = about;
  if (!refused.signed) {
    deps.countDenial('invalid_assertion');
    return;
  }
  await deps.audit.recordDenial({
    organization: federation.organization,
    principal: null,
    operation: 'federation.exchange',
    permission: null,
    resource: `federations/${federation.id}`,
    decision: null,
    details: { federation: federation.name, issuer: federation.issuer, reason: refused.reason },
    request,
  });
}
