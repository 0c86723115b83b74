// How keys and certificates are named for people and for pins: SHA-256, hex in lower case.
import { createHash, KeyObject } from 'node:crypto';
import type { webcrypto, X509Certificate } from 'node:crypto';

/** Over the SubjectPublicKeyInfo (DER) of a public key; stays the same when a certificate is issued again for it. */
export function keyFingerprint(key: KeyObject | webcrypto.CryptoKey): string {
  const object = key instanceof KeyObject ? key : KeyObject.from(key);
  return createHash('sha256')
    .update(object.export({ type: 'spki', format: 'der' }))
    .digest('hex');
}

/** Over the certificate (DER): the pin that a join token carries of the root. */
export function certificatePin(certificate: X509Certificate): string {
  return createHash('sha256').update(certificate.raw).digest('hex');
}
