// The thumbprint that binds a token to a client certificate (RFC 8705, section 3.1): `cnf` carries it, and only a
// connection that presents the same certificate may use the token.
import { createHash } from 'node:crypto';
import type { X509Certificate } from 'node:crypto';

/** The value of `x5t#S256`: SHA-256 over the certificate (DER), base64url without padding. */
export function certificateThumbprint(certificate: Pick<X509Certificate, 'raw'>): string {
  return createHash('sha256').update(certificate.raw).digest('base64url');
}

/** The member `cnf` of a token that only the holder of this certificate may use (RFC 7800, section 3.1). */
export function confirmationOf(certificate: Pick<X509Certificate, 'raw'>): { readonly 'x5t#S256': string } {
  return { 'x5t#S256': certificateThumbprint(certificate) };
}

/** Whether a token with this `cnf` may be used over a connection that presented `certificate`, if any. */
export function isConfirmedBy(
  confirmation: { readonly 'x5t#S256'?: string | undefined },
  certificate: Pick<X509Certificate, 'raw'> | null,
): boolean {
  const expected = confirmation['x5t#S256'];
  return expected === undefined || (certificate !== null && certificateThumbprint(certificate) === expected);
}
