// Who may ask for tokens, in the words of the protocol (RFC 7591): our own command line and browser, the one client of
// HCP's tools, credentials of services, and applications of others.
import { timingSafeEqual } from 'node:crypto';
import type { AdapterPayload } from 'oidc-provider';
import { parseJson } from '../../protocol/json.ts';
import { isId } from '../../protocol/ids.ts';
import type { Caller } from '../authority/caller.ts';
import type { Policy, PrincipalRecord } from '../authority/policy.ts';
import type { OauthCredentialsTable } from '../store/tables-oauth.ts';
import { selectClient, selectCredential } from './client-store.ts';
import { detailType } from './contract.ts';
import type { OauthParts } from './contract.ts';
import { ceilingOf } from './scope.ts';
import { hashOf } from './store.ts';

export const cliClientId = 'wayside-cli';
export const browserClientId = 'wayside-browser';
/** For grants that carry a proof of their own and no client: an assertion of a service or of an outside issuer. */
export const bearerClientId = 'wayside-assertion';
/** The public client of HashiCorp's own tools (hcp-api.md, section 1.1); they send no PKCE. */
export const hcpClientId = '4edd6521-6eb9-4d78-9039-7ce8569d667c';
/** The audience that those tools ask for, whatever our address is. */
export const hcpAudience = 'https://api.hashicorp.cloud';

export const grantTypes = {
  code: 'authorization_code',
  device: 'urn:ietf:params:oauth:grant-type:device_code',
  refresh: 'refresh_token',
  client: 'client_credentials',
  assertion: 'urn:ietf:params:oauth:grant-type:jwt-bearer',
  exchange: 'urn:ietf:params:oauth:grant-type:token-exchange',
} as const;

const signed = {
  id_token_signed_response_alg: 'ES256',
  authorization_details_types: [detailType],
} as const;

/** They belong to us, so nobody is asked whether they may have what the person may have. */
export const firstParties: ReadonlySet<string> = new Set([cliClientId, browserClientId, hcpClientId]);

function builtIn(issuer: string): readonly AdapterPayload[] {
  return [
    {
      client_id: cliClientId,
      client_name: 'the wayside command line',
      application_type: 'native',
      token_endpoint_auth_method: 'none',
      // A port of its own is taken for each sign-in (RFC 8252, section 7.3).
      redirect_uris: ['http://127.0.0.1/callback', 'http://[::1]/callback'],
      response_types: ['code'],
      grant_types: [grantTypes.code, grantTypes.device, grantTypes.refresh, grantTypes.exchange],
      ...signed,
    },
    {
      client_id: browserClientId,
      client_name: 'Wayside in the browser',
      application_type: 'web',
      token_endpoint_auth_method: 'none',
      redirect_uris: [`${issuer}/signed-in`],
      response_types: ['code'],
      grant_types: [grantTypes.code, grantTypes.refresh, grantTypes.exchange],
      ...signed,
    },
    {
      client_id: hcpClientId,
      client_name: 'the hcp command line',
      application_type: 'native',
      token_endpoint_auth_method: 'none',
      redirect_uris: ['http://localhost:8443/oidc/callback'],
      response_types: ['code'],
      grant_types: [grantTypes.code, grantTypes.refresh],
      ...signed,
    },
    {
      client_id: bearerClientId,
      client_name: 'whoever holds an assertion',
      token_endpoint_auth_method: 'none',
      redirect_uris: [],
      response_types: [],
      grant_types: [grantTypes.assertion, grantTypes.exchange],
      ...signed,
    },
  ];
}

type Deps = Pick<OauthParts, 'store' | 'clock' | 'authority' | 'issuer'>;

/** The metadata of a client, or undefined where there is none that is good now. */
export function clientFinder(deps: Deps): (id: string) => Promise<AdapterPayload | undefined> {
  return async (id) => {
    const known = builtIn(deps.issuer()).find((client) => client.client_id === id);
    if (known !== undefined) return known;
    if (!isId(id)) return undefined;
    const credential = await readCredential(deps, id);
    if (credential !== null) return serviceClient(credential.row);
    const [row] = await deps.store.read(selectClient(deps.store, id));
    if (row === undefined) return undefined;
    const isPublic = row.secret_hash === null;
    return {
      client_id: id,
      client_name: row.name,
      token_endpoint_auth_method: isPublic ? 'none' : 'client_secret_basic',
      ...(isPublic ? {} : { client_secret: row.secret_hash ?? '' }),
      redirect_uris: parseJson(row.redirect_uris) as string[],
      application_type: isPublic ? 'native' : 'web',
      response_types: ['code'],
      grant_types: [grantTypes.code, grantTypes.refresh],
      ...signed,
    };
  };
}

function serviceClient(row: OauthCredentialsTable): AdapterPayload {
  const { id, name, kind, secret_hash, jwks, dpop } = row;
  return {
    client_id: id,
    client_name: name,
    ...(kind === 'secret'
      ? { token_endpoint_auth_method: 'client_secret_basic', client_secret: secret_hash ?? '' }
      : {
          token_endpoint_auth_method: 'private_key_jwt',
          jwks: parseJson(jwks ?? '{"keys":[]}') as { keys: [] },
        }),
    redirect_uris: [],
    response_types: [],
    grant_types: [grantTypes.client, grantTypes.assertion, grantTypes.exchange],
    dpop_bound_access_tokens: dpop === 1,
    ...signed,
  };
}

export interface GoodCredential {
  readonly row: OauthCredentialsTable;
  readonly principal: PrincipalRecord;
}

/** Null where it was revoked, has expired, or its service was disabled. */
export async function readCredential(
  deps: Pick<OauthParts, 'store' | 'clock' | 'authority'>,
  id: string,
): Promise<GoodCredential | null> {
  if (!isId(id)) return null;
  const [row] = await deps.store.read(selectCredential(deps.store, id));
  if (row === undefined || row.revoked_at !== null) return null;
  if (row.expires_at !== null && row.expires_at <= deps.clock.now()) return null;
  const principal = goodPrincipal(deps.authority.policy(), row.principal);
  return principal === null ? null : { row, principal };
}

/** A service with what its credential allows, for decisions about what its client may ask for. */
export function callerOfCredential({ row, principal }: GoodCredential): Caller {
  return {
    principal,
    actors: [],
    credential: {
      kind: 'access_token',
      id: row.id,
      name: row.name,
      permissions: row.permissions === null ? null : ceilingOf(row.permissions),
      within: null,
      elevated: true,
      authenticatedAt: null,
      expiresAt: row.expires_at,
    },
  };
}

export function goodPrincipal(policy: Policy, id: string): PrincipalRecord | null {
  const principal = policy.principals.get(id);
  return principal === undefined || principal.disabled ? null : principal;
}

/** What is stored of a client's secret. */
export function secretHashOf(secret: string): string {
  return hashOf('client_secret', secret);
}

export function isSecret(hash: string, presented: unknown): boolean {
  const [expected, given] = [hash, secretHashOf(String(presented))].map((text) => Buffer.from(text));
  return (
    expected !== undefined &&
    given !== undefined &&
    expected.length === given.length &&
    timingSafeEqual(expected, given)
  );
}
