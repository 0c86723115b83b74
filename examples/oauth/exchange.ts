// Token exchange (RFC 8693): a token for one permission on one project, made of one that can do more. It ends with the
// token that it was made of, and never gets wider again.
import { ownToken, post, whoami } from './client.ts';

const broad = await ownToken();
const answer = await post('/oauth2/token', {
  grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange',
  subject_token: broad,
  subject_token_type: 'urn:ietf:params:oauth:token-type:access_token',
  scope: 'wayside.project.read',
  authorization_details: JSON.stringify([{ type: 'wayside', resource: 'projects/default' }]),
});
const narrow = (await answer.json()) as { readonly access_token: string; readonly scope: string };
console.log(`scope: ${narrow.scope}`);

const wider = await post('/oauth2/token', {
  grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange',
  subject_token: narrow.access_token,
  subject_token_type: 'urn:ietf:params:oauth:token-type:access_token',
  scope: 'wayside',
});
console.log(`asking for more: ${((await wider.json()) as { readonly error: string }).error}`);

await post('/oauth2/revoke', { token: broad });
console.log(`after the first one was revoked: ${(await whoami(narrow.access_token)).status}`);
