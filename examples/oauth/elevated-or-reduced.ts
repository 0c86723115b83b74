// Reduced and elevated (RFC 9470): what a person signed in with does nothing sensitive until that person has shown again
// who they are. REDUCED_TOKEN is of an ordinary sign-in, ELEVATED_TOKEN of one with `acr_values` of the challenge.
import { required, server } from './client.ts';

async function createPrincipal(token: string, name: string): Promise<Response> {
  return fetch(`${server}/v1/principals`, {
    method: 'POST',
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    body: JSON.stringify({ name, kind: 'service' }),
  });
}

async function listPrincipals(token: string): Promise<Response> {
  return fetch(`${server}/v1/principals`, { headers: { authorization: `Bearer ${token}` } });
}

const reduced = required('REDUCED_TOKEN');
console.log(`reading, reduced: ${(await listPrincipals(reduced)).status}`);
const challenged = await createPrincipal(reduced, 'made-reduced');
console.log(`creating, reduced: ${challenged.status} ${challenged.headers.get('www-authenticate') ?? ''}`);
const elevated = await createPrincipal(required('ELEVATED_TOKEN'), 'made-elevated');
console.log(`creating, elevated: ${elevated.status}`);
