// For whom a token may be (RFC 8707): our own API, also under the name that HashiCorp's tools have for theirs, and the
// services that say they are there.
import { hcpAudience } from './clients.ts';
import type { OauthParts } from './contract.ts';

/** The audience that a name stands for, or null. */
export function ourAudience(deps: Pick<OauthParts, 'issuer'>, name: string): string | null {
  const issuer = deps.issuer();
  return name === issuer || name === `${issuer}/` || name === hcpAudience ? issuer : null;
}

/** Asynchronous, because services come and go. */
export async function audienceOf(
  deps: Pick<OauthParts, 'issuer' | 'store'>,
  name: string,
): Promise<string | null> {
  const ours = ourAudience(deps, name);
  if (ours !== null) return ours;
  if (!URL.canParse(name) || name.includes(' ') || name.includes('#')) return null;
  const rows = await deps.store.read(
    deps.store.db
      .selectFrom('oauth_credentials')
      .select('audiences')
      .where('revoked_at', 'is', null)
      .where('audiences', '!=', '')
      .compile(),
  );
  return rows.some(({ audiences }) => audiences.split(' ').includes(name)) ? name : null;
}
