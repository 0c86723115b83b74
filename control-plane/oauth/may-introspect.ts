// Who may ask what a token says (RFC 7662, section 2.1): whoever it was issued to, the service that it is for, and for
// tokens of our own API a service that has been given the right. For everybody else it is no token.
import type { Client } from 'oidc-provider';
import { organizationOf } from '../authority/resources.ts';
import { callerOfCredential, readCredential } from './clients.ts';
import type { OauthParts } from './contract.ts';

export async function mayIntrospect(
  deps: Pick<OauthParts, 'store' | 'clock' | 'authority' | 'issuer'>,
  client: Client,
  token: object,
): Promise<boolean> {
  // A public client has shown nothing: anybody can say its name.
  if (client.clientAuthMethod === 'none') return false;
  if (Reflect.get(token, 'clientId') === client.clientId) return true;
  const credential = await readCredential(deps, client.clientId);
  if (credential === null) return false;
  const audience: unknown = Reflect.get(token, 'aud');
  if (typeof audience !== 'string') return false;
  // What a service calls its own does not reach our API, whatever name it gave: for that it needs the right.
  if (audience !== deps.issuer()) return credential.row.audiences.split(' ').includes(audience);
  const caller = callerOfCredential(credential);
  const resource = organizationOf(deps.authority.policy());
  return deps.authority.decide(caller, 'iam.token.introspect', resource).allowed;
}
