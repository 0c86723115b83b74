// What a token for a resource may say, and in which form: text for people and our own API, so that it ends with a row;
// a JWT for services, and for whoever is not us.
import type { Client, KoaContextWithOIDC } from 'oidc-provider';
import { accessTokenMs } from '../../protocol/limits-authority.ts';
import { audienceOf } from './audience.ts';
import { readCredential } from './clients.ts';
import type { OauthParts } from './contract.ts';
import type { Library } from './load-library.ts';
import { apiScopes, ceilingOf, scopeNames, scopeWithin, unknownScopes } from './scope.ts';

type Deps = Pick<OauthParts, 'store' | 'clock' | 'authority' | 'issuer'> & { readonly library: Library };

/** Throws `InvalidTarget` for what is no audience, `InvalidScope` for more than the client may have. */
export async function resourceServerOf(
  deps: Deps,
  asked: { readonly ctx: KoaContextWithOIDC; readonly resource: string; readonly client: Client },
) {
  const { InvalidScope, InvalidTarget } = deps.library.errors;
  const { ctx, resource, client } = asked;
  const audience = await audienceOf(deps, resource);
  if (audience === null) throw new InvalidTarget();
  const scope = ctx.oidc.params?.['scope'];
  const wanted = typeof scope === 'string' ? scope : undefined;
  const [unknown] = unknownScopes(wanted);
  if (unknown !== undefined) throw new InvalidScope('there is no such scope', unknown);
  const credential = await readCredential(deps, client.clientId);
  const permissions = credential?.row.permissions ?? null;
  const allowed = scopeWithin(permissions === null ? null : ceilingOf(permissions), wanted);
  if (allowed === null) throw new InvalidScope('the client may not have so much', wanted ?? '');
  const isJwt = credential !== null || audience !== deps.issuer();
  return {
    audience,
    scope: permissions === null ? apiScopes.join(' ') : scopeNames(permissions).join(' '),
    accessTokenTTL: Math.floor(accessTokenMs / 1_000),
    accessTokenFormat: isJwt ? ('jwt' as const) : ('opaque' as const),
    jwt: { sign: { alg: 'ES256' as const } },
  };
}
