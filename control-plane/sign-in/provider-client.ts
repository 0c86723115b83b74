// Speaks OpenID Connect with an identity provider: where to send a browser, and what comes back with it.
import * as client from 'openid-client';
import { Failure } from '../../protocol/failures.ts';
import { clockSkewMsMax } from '../../protocol/limits.ts';
import { identityProviderCacheMs, identityProviderRequestMsMax } from '../../protocol/limits-authority.ts';
import type { IdentityProvidersTable } from '../store/tables-sign-in.ts';
import type { SignInDeps } from './deps.ts';
import type { SealedCell } from '../secrets/seal-at-rest.ts';
import type { Claims } from './provider-claims.ts';

type Row = IdentityProvidersTable;

export interface ProviderClient {
  /** Where to send the browser, and what the answer has to match. Throws `identity_provider_failed`. */
  begin(row: Row, asked: { readonly redirectUri: string; readonly again: boolean }): Promise<Begun>;
  /** The claims of the person. Throws `identity_provider_failed`. */
  finish(row: Row, answer: Answer): Promise<Claims & { readonly sub: string }>;
}

export interface Begun {
  readonly url: string;
  readonly state: string;
  readonly nonce: string;
  readonly verifier: string;
}

export interface Answer extends Omit<Begun, 'url'> {
  /** The address that the browser came back to, with its query. */
  readonly currentUrl: string;
  /** Epoch ms after which the person has to have shown who they are; null where it does not matter. */
  readonly authenticatedAfter: number | null;
}

export function providerSecretCell(row: Pick<Row, 'organization' | 'id'>): SealedCell {
  const { organization, id } = row;
  return { table: 'identity_providers', organization, project: '', row: id, column: 'client_secret' };
}

export function openProviderClient(deps: Pick<SignInDeps, 'secrets' | 'clock'>): ProviderClient {
  const known = new Map<
    string,
    { readonly key: string; readonly until: number; readonly config: Promise<client.Configuration> }
  >();
  const configOf = (row: Row): Promise<client.Configuration> => {
    const now = deps.clock.now();
    const found = known.get(row.id);
    const key = String(row.revision);
    if (found !== undefined && found.key === key && found.until > now) return found.config;
    const config = discover(deps, row);
    known.set(row.id, { key, until: now + identityProviderCacheMs, config });
    config.catch(() => known.delete(row.id));
    return config;
  };
  return {
    begin: (row, asked) => told(row, async () => begin(await configOf(row), row, asked)),
    finish: (row, answer) => told(row, async () => finish(await configOf(row), answer)),
  };
}

async function discover({ secrets }: Pick<SignInDeps, 'secrets'>, row: Row): Promise<client.Configuration> {
  const secret =
    row.client_secret === null
      ? null
      : await secrets.openTextAtRest(row.client_secret, providerSecretCell(row));
  return client.discovery(
    new URL(row.issuer),
    row.client_id,
    undefined,
    secret === null ? client.None() : client.ClientSecretBasic(secret),
    {
      timeout: identityProviderRequestMsMax / 1_000,
      // Within this machine only; the schema of an issuer says so.
      execute: row.issuer.startsWith('http:') ? [client.allowInsecureRequests] : [],
    },
  );
}

async function begin(
  config: client.Configuration,
  row: Row,
  { redirectUri, again }: { readonly redirectUri: string; readonly again: boolean },
): Promise<Begun> {
  const [state, nonce, verifier] = [
    client.randomState(),
    client.randomNonce(),
    client.randomPKCECodeVerifier(),
  ];
  const url = client.buildAuthorizationUrl(config, {
    redirect_uri: redirectUri,
    scope: row.scopes,
    state,
    nonce,
    code_challenge: await client.calculatePKCECodeChallenge(verifier),
    code_challenge_method: 'S256',
    ...(again ? { prompt: 'login', max_age: '0' } : {}),
  });
  return { url: url.href, state, nonce, verifier };
}

async function finish(
  config: client.Configuration,
  answer: Answer,
): Promise<Claims & { readonly sub: string }> {
  const tokens = await client.authorizationCodeGrant(config, new URL(answer.currentUrl), {
    expectedState: answer.state,
    expectedNonce: answer.nonce,
    pkceCodeVerifier: answer.verifier,
    idTokenExpected: true,
  });
  const claims = tokens.claims();
  if (claims === undefined) throw new Error('there is no ID token');
  demandFresh(claims.auth_time, answer.authenticatedAfter);
  if (config.serverMetadata().userinfo_endpoint === undefined) return claims;
  // Groups and addresses often stand there only; the subject has to be the same (OpenID Connect Core, section 5.3.2).
  const more = await client.fetchUserInfo(config, tokens.access_token, claims.sub);
  return { ...more, ...claims };
}

/** A provider that lets an old sign-in pass for a new one does not elevate anybody. */
function demandFresh(authTime: unknown, after: number | null): void {
  if (after === null) return;
  if (typeof authTime === 'number' && authTime * 1_000 >= after - clockSkewMsMax) return;
  throw new Failure(
    'identity_provider_failed',
    'The identity provider did not ask again who you are, so it shows nothing new.',
  );
}

/** What went wrong over there is for the log; its words may be anything. */
async function told<T>(row: Row, act: () => Promise<T>): Promise<T> {
  try {
    return await act();
  } catch (cause) {
    if (cause instanceof Failure) throw cause;
    const { error } = cause as { readonly error?: unknown };
    const why = typeof error === 'string' && /^[a-z_]{1,60}$/.test(error) ? ` (${error})` : '';
    throw new Failure(
      'identity_provider_failed',
      `${row.name} did not sign you in${why}. Try again; if it stays so, ask whoever set it up.`,
      { cause },
    );
  }
}
