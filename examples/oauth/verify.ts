// Validation of a JWT access token (RFC 9068, section 4) by another service, without asking anybody: issuer, audience,
// type and algorithm are pinned, and keys come from the metadata (RFC 8414).
import { createRemoteJWKSet, jwtVerify } from 'jose';
import { ownToken, server } from './client.ts';

const metadata = (await (await fetch(`${server}/.well-known/oauth-authorization-server`)).json()) as {
  readonly issuer: string;
  readonly jwks_uri: string;
};
const keys = createRemoteJWKSet(new URL(metadata.jwks_uri));

async function verify(token: string): Promise<string> {
  try {
    const { payload } = await jwtVerify(token, keys, {
      issuer: metadata.issuer,
      // The identifier of your own service, where tokens are asked for with `resource=` that.
      audience: metadata.issuer,
      typ: 'at+jwt',
      algorithms: ['ES256'],
      requiredClaims: ['exp', 'sub', 'jti', 'client_id'],
    });
    return `good: ${String(payload['principal_type'])}, ${String(payload['scope'])}`;
  } catch (error) {
    return `refused: ${(error as Error).name}`;
  }
}

const token = await ownToken('iam.self.read');
console.log(await verify(token));
console.log(await verify(`${token.slice(0, -4)}AAAA`));
