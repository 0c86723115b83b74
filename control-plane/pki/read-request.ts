// Takes the public key out of a certificate request (PKCS #10, RFC 2986), and nothing else: names are the server's.
import { webcrypto } from 'node:crypto';
import { Failure } from '../../protocol/failures.ts';
import { x509 } from './x509.ts';

const curve = { name: 'ECDSA', namedCurve: 'P-256' } as const;

/** Throws `invalid_csr` for another key type, a request that its own key did not sign, and anything unreadable. */
export async function readRequestKey(csrPem: string): Promise<webcrypto.CryptoKey> {
  let key: webcrypto.CryptoKey;
  let signed: boolean;
  try {
    const request = new x509.Pkcs10CertificateRequest(csrPem);
    key = await webcrypto.subtle.importKey('spki', request.publicKey.rawData, curve, true, ['verify']);
    signed = await request.verify();
  } catch (cause) {
    throw new Failure(
      'invalid_csr',
      'The certificate request cannot be read: send a PKCS #10 request in PEM for an ECDSA key on P-256.',
      { cause },
    );
  }
  if (!signed) {
    throw new Failure('invalid_csr', 'The certificate request was not signed by the key that it names.');
  }
  return key;
}
