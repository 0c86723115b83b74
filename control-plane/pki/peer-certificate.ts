// What an agent's certificate says, once a chain to our root has been verified: who it is, and which certificate of
// this agent it is. node:crypto reads it, because this happens at every connection.
import type { X509Certificate } from 'node:crypto';
import { parseSpiffeUri } from '../../protocol/ids.ts';
import type { SpiffeIdentity } from '../../protocol/ids.ts';
import { keyFingerprint } from './fingerprint.ts';

export interface PeerCertificate {
  /** Hex in upper case, as node:crypto prints it. */
  readonly serial: string;
  /** Epoch ms. */
  readonly notBefore: number;
  readonly notAfter: number;
  /** SHA-256 of the public key (SubjectPublicKeyInfo), hex in lower case. */
  readonly fingerprint: string;
  /** Which certificate of this agent it is, counted from 1 (rules.md 13). */
  readonly generation: number;
  /** Id of the data-plane CA that issued it; the listener knows it, a reading of the certificate alone does not. */
  readonly authority?: string;
}

export type PeerReading =
  | { readonly identity: SpiffeIdentity; readonly certificate: PeerCertificate }
  /** Why this is not the certificate of an agent of this trust domain, as a sentence. */
  | { readonly refused: string };

const clientAuth = '1.3.6.1.5.5.7.3.2';
const generationPattern = /^serialNumber=([1-9][0-9]{0,8})$/m;

/** Exactly one URI, a SPIFFE identity of this trust domain; for clients; not an authority. */
export function readPeerCertificate(certificate: X509Certificate, trustDomain: string): PeerReading {
  if (certificate.ca) return { refused: 'It is the certificate of an authority.' };
  // `keyUsage` is what node:crypto calls the extended key usage. Absent, it would mean any usage.
  const usages: readonly string[] | undefined = certificate.keyUsage;
  if (usages?.includes(clientAuth) !== true) return { refused: 'It is not for clients.' };
  const name = certificate.subjectAltName ?? '';
  const identity = name.startsWith('URI:') ? parseSpiffeUri(name.slice('URI:'.length)) : null;
  if (identity === null) return { refused: 'Its only name is not the SPIFFE identity of an agent.' };
  if (identity.trustDomain !== trustDomain) return { refused: 'It is of another trust domain.' };
  const generation = generationPattern.exec(certificate.subject)?.[1];
  if (generation === undefined) return { refused: 'It does not say which certificate of its agent it is.' };
  return {
    identity,
    certificate: {
      serial: certificate.serialNumber,
      notBefore: certificate.validFromDate.getTime(),
      notAfter: certificate.validToDate.getTime(),
      fingerprint: keyFingerprint(certificate.publicKey),
      generation: Number(generation),
    },
  };
}
