// Revocation (RFC 7009): the answer is 200 whatever was sent, and the token is good no more, here at once and at every
// other process within half a second.
import { ownToken, post, whoami } from './client.ts';

const token = await ownToken();
console.log(`before: ${(await whoami(token)).status}`);
console.log(`revoking: ${(await post('/oauth2/revoke', { token })).status}`);
console.log(`after: ${(await whoami(token)).status}`);
console.log(`revoking what is no token: ${(await post('/oauth2/revoke', { token: 'garbage' })).status}`);
