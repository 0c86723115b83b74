// Writes down which token the library has given out, before the answer leaves.
import type { KoaContextWithOIDC } from 'oidc-provider';
import { readCredential } from './clients.ts';
import type { OauthParts } from './contract.ts';
import { issuedEvent, requestFactsOf } from './issue.ts';
import { artifactId } from './adapter.ts';
import { uuidOf } from './uuid.ts';
import { isId } from '../../protocol/ids.ts';

/** Does nothing for the grants that issue their tokens themselves (issue.ts). */
export async function recordIssued(
  deps: Pick<OauthParts, 'store' | 'audit' | 'authority' | 'clock' | 'issuer'>,
  ctx: KoaContextWithOIDC,
): Promise<void> {
  const { AccessToken, ClientCredentials } = ctx.oidc.entities;
  const token = AccessToken ?? ClientCredentials;
  if (token === undefined) return;
  const client = token.clientId ?? '';
  const subject = AccessToken?.accountId ?? (await readCredential(deps, client))?.principal.id ?? '';
  const facts = {
    id: isId(token.jti) ? token.jti : uuidOf(artifactId('AccessToken', token.jti)),
    subject,
    client,
    scope: token.scope ?? '',
    audience: String(token.aud),
    actors: [],
    expiresAt: (token.exp ?? 0) * 1_000,
  };
  const grantType = String(ctx.oidc.params?.['grant_type']);
  await deps.store.write([issuedEvent(deps, facts, { grantType, request: requestFactsOf(ctx) })]);
}
