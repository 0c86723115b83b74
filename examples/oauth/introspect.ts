// Introspection (RFC 7662): a service asks what a token says. For a token that is not good, or not for whoever asks, the
// answer is `{"active":false}` and nothing else.
import { ownToken, post } from './client.ts';

async function introspect(token: string): Promise<Record<string, unknown>> {
  return (await (await post('/oauth2/introspect', { token })).json()) as Record<string, unknown>;
}

const { active, sub, principal_type, scope } = await introspect(await ownToken('iam.self.read'));
console.log(JSON.stringify({ active, sub, principal_type, scope }));
console.log(JSON.stringify(await introspect('garbage')));
