// Certificate revocation lists (RFC 5280, section 5) of the three authorities, for third parties: our own listeners
// refuse a revoked agent by the store. OpenSSL checks the whole chain or nothing, hence a list of each authority.
import { KeyObject, sign } from 'node:crypto';
import { certificateBackdateMs, crlMs } from '../../protocol/limits.ts';
import type { Authorities, CertificationAuthority } from './authorities.ts';
import { bitString, integer, objectIdentifier, octetString, sequence, tagged, time } from './der.ts';
import { x509 } from './x509.ts';

export interface RevokedCertificate {
  /** Hex. */
  readonly serial: string;
  /** Epoch ms. */
  readonly revokedAt: number;
}

export interface RevocationLists {
  /** PEM, `X509 CRL` each: root, intermediate, data-plane CA. */
  readonly pem: string;
  /** Epoch ms. A list past its time refuses everybody where it is checked: publish the next one at half of it. */
  readonly nextUpdate: number;
}

/** `revoked` are leaves of the data-plane CA that have not expired by themselves. */
export function issueRevocationLists(
  authorities: Authorities,
  options: { readonly revoked: readonly RevokedCertificate[]; readonly now: number },
): RevocationLists {
  const { root, intermediate, dataPlane } = authorities;
  const { now, revoked } = options;
  const lists = [
    issueList(root, { revoked: [], now }),
    issueList(intermediate, { revoked: [], now }),
    issueList(dataPlane, { revoked, now }),
  ];
  return { pem: lists.join(''), nextUpdate: now + crlMs };
}

const ecdsaWithSha256 = sequence(objectIdentifier('1.2.840.10045.4.3.2'));

function issueList(
  authority: CertificationAuthority,
  options: { readonly revoked: readonly RevokedCertificate[]; readonly now: number },
): string {
  const { now, revoked } = options;
  const certificate = new x509.X509Certificate(authority.certificate.raw as Uint8Array<ArrayBuffer>);
  const entries = revoked.map((entry) =>
    sequence(integer(Buffer.from(evenHex(entry.serial), 'hex')), time(entry.revokedAt)),
  );
  const body = sequence(
    integer(Uint8Array.of(1)),
    ecdsaWithSha256,
    new Uint8Array(certificate.subjectName.toArrayBuffer()),
    time(now - certificateBackdateMs),
    time(now + crlMs),
    // An empty list of entries is left out, not written as empty (section 5.1.2.6).
    ...(entries.length === 0 ? [] : [sequence(...entries)]),
    tagged(0, sequence(authorityKeyIdentifier(certificate), crlNumber(now))),
  );
  const signature = sign('sha256', body, KeyObject.from(authority.privateKey));
  return pemOf(sequence(body, ecdsaWithSha256, bitString(signature)));
}

/** keyIdentifier is `[0]`, primitive (section 4.2.1.1). */
function authorityKeyIdentifier(certificate: x509.X509Certificate): Uint8Array {
  const identifier = certificate.getExtension(x509.SubjectKeyIdentifierExtension);
  if (identifier === null) throw new Error('every authority of ours has a subject key identifier');
  const keyId = Buffer.from(identifier.keyId, 'hex');
  const value = sequence(Buffer.concat([Uint8Array.of(0x80, keyId.length), keyId]));
  return sequence(objectIdentifier('2.5.29.35'), octetString(value));
}

/** Grows with every list (section 5.2.3): the milliseconds of its making. */
function crlNumber(now: number): Uint8Array {
  const value = integer(Buffer.from(evenHex(now.toString(16)), 'hex'));
  return sequence(objectIdentifier('2.5.29.20'), octetString(value));
}

function evenHex(hex: string): string {
  return hex.length % 2 === 0 ? hex : `0${hex}`;
}

/** The library would write `BEGIN CRL`, which OpenSSL does not take. */
function pemOf(der: Uint8Array): string {
  const lines =
    Buffer.from(der)
      .toString('base64')
      .match(/.{1,64}/g) ?? [];
  return `-----BEGIN X509 CRL-----\n${lines.join('\n')}\n-----END X509 CRL-----\n`;
}
