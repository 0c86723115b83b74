// A certificate revocation list (RFC 5280, section 5) of one authority, for third parties: our own listeners refuse a
// revoked agent by the store. OpenSSL checks the whole chain or nothing, hence a list of each authority.
import { KeyObject, sign } from 'node:crypto';
import type { webcrypto, X509Certificate } from 'node:crypto';
import { certificateBackdateMs, crlMs } from '../../protocol/limits.ts';
import { ofLibrary } from './certify.ts';
import { bitString, integer, objectIdentifier, octetString, sequence, tagged, time } from './der.ts';
import { x509 } from './x509.ts';

export interface RevokedCertificate {
  /** Hex. */
  readonly serial: string;
  /** Epoch ms. */
  readonly revokedAt: number;
}

export interface RevocationList {
  readonly der: Buffer;
  /** Epoch ms. A list past its time refuses everybody where it is checked: publish the next one at half of it. */
  readonly nextUpdate: number;
}

const ecdsaWithSha256 = sequence(objectIdentifier('1.2.840.10045.4.3.2'));

/** `revoked` are certificates of this authority that have not ended by themselves. */
export function issueList(
  authority: { readonly certificate: X509Certificate; readonly privateKey: webcrypto.CryptoKey },
  options: {
    readonly revoked: readonly RevokedCertificate[];
    readonly now: number;
    readonly lifeMs?: number;
  },
): RevocationList {
  const { now, revoked, lifeMs = crlMs } = options;
  const certificate = ofLibrary(authority.certificate);
  const entries = revoked.map((entry) =>
    sequence(integer(Buffer.from(evenHex(entry.serial), 'hex')), time(entry.revokedAt)),
  );
  const body = sequence(
    integer(Uint8Array.of(1)),
    ecdsaWithSha256,
    new Uint8Array(certificate.subjectName.toArrayBuffer()),
    time(now - certificateBackdateMs),
    time(now + lifeMs),
    // An empty list of entries is left out, not written as empty (section 5.1.2.6).
    ...(entries.length === 0 ? [] : [sequence(...entries)]),
    tagged(0, sequence(authorityKeyIdentifier(certificate), crlNumber(now))),
  );
  const signature = sign('sha256', body, KeyObject.from(authority.privateKey));
  const der = sequence(body, ecdsaWithSha256, bitString(signature));
  return { der: Buffer.from(der), nextUpdate: now + lifeMs };
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
export function listPem(der: Uint8Array): string {
  const lines =
    Buffer.from(der)
      .toString('base64')
      .match(/.{1,64}/g) ?? [];
  return `-----BEGIN X509 CRL-----\n${lines.join('\n')}\n-----END X509 CRL-----\n`;
}
