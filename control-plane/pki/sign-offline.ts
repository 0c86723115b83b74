// Signs a request on the machine where the exported root is kept: no store, no server, no network.
import { webcrypto } from 'node:crypto';
import type { ExportedRoot, SigningRequest } from '../../protocol/api/pki.ts';
import { Failure } from '../../protocol/failures.ts';
import { offlineCrlMs } from '../../protocol/limits.ts';
import { certify, signatureAlgorithm } from './certify.ts';
import { keyFingerprint } from './fingerprint.ts';
import { openExportedRoot } from './offline-root.ts';
import { crossPathLength, extensionsOf, profiles, subjectOf } from './profiles.ts';
import { issueList, listPem } from './revocation-list.ts';
import { x509 } from './x509.ts';

export interface OfflineSignature {
  /** A certificate or an X509 CRL. */
  readonly pem: string;
  /** SHA-256 of the key that was certified, hex, to compare with the request; null for a list. */
  readonly fingerprint: string | null;
}

/**
 * The root decides what the certificate says; from the request come the key and the number of the authority. Throws
 * `envelope_rejected` for another passphrase, `invalid_csr`, and `certificate_rejected` for another trust domain.
 */
export async function signOffline(options: {
  readonly exported: ExportedRoot;
  readonly passphrase: string;
  readonly request: SigningRequest;
  /** Epoch ms. */
  readonly now: number;
}): Promise<OfflineSignature> {
  const { exported, passphrase, request, now } = options;
  const { trust_domain: trustDomain } = exported;
  if (request.trust_domain !== trustDomain) {
    throw new Failure(
      'certificate_rejected',
      `The request is of the trust domain ${request.trust_domain}, the root of ${trustDomain}.`,
    );
  }
  const root = await openExportedRoot(exported, passphrase);
  if (request.kind === 'list') {
    if (request.authority !== exported.authority) {
      throw new Failure(
        'certificate_rejected',
        `The list is of ${request.name}, the key of ${exported.name}.`,
      );
    }
    const revoked = request.revoked.map(({ serial, revoked_at }) => ({ serial, revokedAt: revoked_at }));
    const { der } = issueList(root, { revoked, now, lifeMs: offlineCrlMs });
    return { pem: listPem(der), fingerprint: null };
  }
  const publicKey = await readKey(request.csr);
  const { kind: level, name } = request;
  const pem = await certify({
    issuer: root,
    subject: subjectOf(level, { name, trustDomain }),
    publicKey,
    now,
    lifeMs: profiles[level].lifeMs,
    extensions: extensionsOf(level, {
      trustDomain,
      ...(level === 'root' ? { pathLength: crossPathLength } : {}),
    }),
  });
  return { pem, fingerprint: keyFingerprint(publicKey) };
}

async function readKey(csr: string): Promise<webcrypto.CryptoKey> {
  try {
    const request = new x509.Pkcs10CertificateRequest(csr);
    const spki = request.publicKey.rawData;
    const key = await webcrypto.subtle.importKey('spki', spki, signatureAlgorithm, true, ['verify']);
    if (await request.verify()) return key;
  } catch (cause) {
    throw new Failure('invalid_csr', 'The certificate request cannot be read.', { cause });
  }
  throw new Failure('invalid_csr', 'The certificate request was not signed by the key that it names.');
}
