// The proof with which a token is asked for (RFC 9449, section 5), for the grants that the library leaves to us.
import type { KoaContextWithOIDC } from 'oidc-provider';
import type { OauthParts } from './contract.ts';
import type { Library } from './load-library.ts';
import { thumbprintOfProof } from './proof.ts';

type Deps = Pick<OauthParts, 'proofs' | 'clock' | 'issuer'> & { readonly errors: Library['errors'] };

/**
 * The thumbprint of the key that the new token is bound to, or null where no proof was sent and the client needs none.
 * Throws `InvalidDpopProof` for a proof that is not good, and `InvalidGrant` where a client gets bound tokens only.
 */
export async function provenKeyOf(deps: Deps, ctx: KoaContextWithOIDC): Promise<string | null> {
  const proof = ctx.get('dpop');
  if (proof === '') {
    if (ctx.oidc.client?.dpopBoundAccessTokens === true) throw proofMissing(deps);
    return null;
  }
  const thumbprint = await thumbprintOfProof(
    { memory: deps.proofs, clock: deps.clock },
    {
      proof,
      method: 'POST',
      url: `${deps.issuer()}${ctx.path}`,
      token: null,
      request: ctx.get('x-request-id'),
    },
  );
  if (thumbprint === null) throw new deps.errors.InvalidDpopProof('the proof is not good for this request');
  return thumbprint;
}

export function proofMissing({ errors }: Pick<Deps, 'errors'>): Error {
  return new errors.InvalidGrant('this credential gets bound tokens only: send a DPoP proof');
}
