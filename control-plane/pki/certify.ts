// Puts a certificate together and signs it: serial, validity, and the extensions that every verifier asks for.
import { randomBytes } from 'node:crypto';
import type { webcrypto, X509Certificate } from 'node:crypto';
import { certificateBackdateMs } from '../../protocol/limits.ts';
import { x509 } from './x509.ts';

export const signatureAlgorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const;

/** Who signs: its certificate and its private key. */
export interface Issuer {
  readonly certificate: X509Certificate;
  readonly privateKey: webcrypto.CryptoKey;
  readonly publicKey: webcrypto.CryptoKey;
}

export interface CertificateRequest {
  /** Null for a self-signed root, which then is signed by `signingKey`. */
  readonly issuer: Issuer | null;
  readonly signingKey?: webcrypto.CryptoKey;
  readonly subject: x509.JsonName;
  readonly publicKey: webcrypto.CryptoKey;
  /** Epoch ms. */
  readonly now: number;
  readonly lifeMs: number;
  readonly extensions: readonly x509.Extension[];
}

/** The certificate as PEM with its trailing line feed, which the library leaves out. Never outlives its issuer. */
export async function certify(request: CertificateRequest): Promise<string> {
  const { issuer, publicKey, now } = request;
  const signingKey = issuer?.privateKey ?? request.signingKey;
  if (signingKey === undefined) throw new Error('a certificate is signed by its issuer or by its own key');
  const subject = new x509.Name([...request.subject]);
  const issuerName = issuer === null ? subject : ofLibrary(issuer.certificate).subjectName;
  const notAfter = Math.min(
    now + request.lifeMs,
    issuer === null ? Infinity : notAfterOf(issuer.certificate),
  );
  const certificate = await x509.X509CertificateGenerator.create({
    serialNumber: randomSerial(),
    subject: subject.toJSON(),
    issuer: issuerName.toJSON(),
    notBefore: new Date(now - certificateBackdateMs),
    notAfter: new Date(notAfter),
    publicKey,
    signingKey,
    signingAlgorithm: signatureAlgorithm,
    extensions: [
      ...request.extensions,
      await x509.SubjectKeyIdentifierExtension.create(publicKey),
      await x509.AuthorityKeyIdentifierExtension.create(issuer?.publicKey ?? publicKey),
    ],
  });
  return pemOf(certificate);
}

/** The library leaves out the last line feed, without which two certificates cannot be joined. */
export function pemOf(thing: { toString(format: 'pem'): string }): string {
  return `${thing.toString('pem')}\n`;
}

export function ofLibrary(certificate: X509Certificate): x509.X509Certificate {
  return new x509.X509Certificate(certificate.raw as Uint8Array<ArrayBuffer>);
}

/** Epoch ms. */
export function notAfterOf(certificate: X509Certificate): number {
  return certificate.validToDate.getTime();
}

export function isIssuedBy(certificate: X509Certificate, issuer: X509Certificate): boolean {
  return certificate.checkIssued(issuer) && certificate.verify(issuer.publicKey);
}

/** 127 random bits, positive and without a leading zero byte (RFC 5280, section 4.1.2.2). */
function randomSerial(): string {
  const serial = randomBytes(16);
  serial[0] = ((serial[0] ?? 0) & 0x7f) | 0x40;
  return serial.toString('hex');
}
