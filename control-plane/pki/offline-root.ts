// Takes the key of the root away and brings it back: encrypted to a passphrase, and removed only once somebody has
// proved to hold a copy that can be opened.
import { KeyObject, webcrypto, X509Certificate } from 'node:crypto';
import { CompactEncrypt, CompactSign, compactDecrypt, compactVerify } from 'jose';
import type { ExportedRoot } from '../../protocol/api/pki.ts';
import { offlineProofType } from '../../protocol/api/pki.ts';
import { Failure } from '../../protocol/failures.ts';
import { canonicalJson } from '../../protocol/json.ts';
import { exportedRootIterations, offlineCrlMs } from '../../protocol/limits.ts';
import type { SigningKeys } from '../secrets/signing-keys.ts';
import type { Step, Store } from '../store/store.ts';
import { setStoredList } from './authority-store.ts';
import type { Authorities, CertificationAuthority, SigningAuthority } from './authorities.ts';
import { signatureAlgorithm } from './certify.ts';
import { keyFingerprint } from './fingerprint.ts';
import { revokedBy } from './publish-lists.ts';
import { issueList } from './revocation-list.ts';

/** What is written to the file. The key is a JWE by the passphrase (RFC 7518, section 4.8). */
export async function exportRoot(
  root: SigningAuthority,
  of: { readonly passphrase: string; readonly trustDomain: string },
): Promise<ExportedRoot> {
  const pkcs8 = KeyObject.from(root.privateKey).export({ type: 'pkcs8', format: 'der' });
  const key = await new CompactEncrypt(new Uint8Array(pkcs8))
    .setProtectedHeader({ alg: 'PBES2-HS512+A256KW', enc: 'A256GCM' })
    .setKeyManagementParameters({
      p2c: exportedRootIterations,
      p2s: webcrypto.getRandomValues(new Uint8Array(16)),
    })
    .encrypt(new TextEncoder().encode(of.passphrase));
  pkcs8.fill(0);
  return {
    type: 'wayside-root',
    authority: root.id,
    name: root.name,
    trust_domain: of.trustDomain,
    certificate: root.pem,
    key,
  };
}

export interface OpenedRoot {
  readonly certificate: X509Certificate;
  readonly privateKey: webcrypto.CryptoKey;
  readonly publicKey: webcrypto.CryptoKey;
}

/** Throws `envelope_rejected` for another passphrase, a damaged file, and a key that is not the certificate's. */
export async function openExportedRoot(exported: ExportedRoot, passphrase: string): Promise<OpenedRoot> {
  let privateKey: webcrypto.CryptoKey;
  try {
    const { plaintext } = await compactDecrypt(exported.key, new TextEncoder().encode(passphrase), {
      keyManagementAlgorithms: ['PBES2-HS512+A256KW'],
      contentEncryptionAlgorithms: ['A256GCM'],
      maxPBES2Count: exportedRootIterations,
    });
    privateKey = await webcrypto.subtle.importKey('pkcs8', plaintext.slice(), signatureAlgorithm, true, [
      'sign',
    ]);
    plaintext.fill(0);
  } catch (cause) {
    throw new Failure(
      'envelope_rejected',
      'The exported root cannot be opened: is it the right passphrase?',
      {
        cause,
      },
    );
  }
  const certificate = new X509Certificate(exported.certificate);
  const { kty, crv, x, y } = await webcrypto.subtle.exportKey('jwk', privateKey);
  const half = { kty, crv, x, y } as webcrypto.JsonWebKey;
  const publicKey = await webcrypto.subtle.importKey('jwk', half, signatureAlgorithm, true, ['verify']);
  if (keyFingerprint(publicKey) !== keyFingerprint(certificate.publicKey)) {
    throw new Failure('envelope_rejected', 'The key in the file is not that of the certificate beside it.');
  }
  return { certificate, privateKey, publicKey };
}

/** What the holder of the exported key signs, so that the key here may go. */
export async function proveExport(opened: OpenedRoot, authority: string): Promise<string> {
  return new CompactSign(new TextEncoder().encode(canonicalJson({ authority })))
    .setProtectedHeader({ alg: 'ES256', typ: offlineProofType })
    .sign(opened.privateKey);
}

/**
 * Steps that remove the key of the root, after its list was signed for a year. Throws `root_offline` where it is gone
 * already and `forbidden` for a proof by another key.
 */
export async function planOffline(
  deps: {
    readonly store: Store;
    readonly keys: SigningKeys;
    readonly authorities: Authorities;
    readonly now: number;
  },
  of: { readonly root: SigningAuthority; readonly proof: string },
): Promise<readonly Step[]> {
  const { store, keys, authorities, now } = deps;
  await checkProof(of.root, of.proof);
  const revoked = await revokedBy(store, authorities, now);
  const list = issueList(of.root, { revoked: revoked(of.root.id), now, lifeMs: offlineCrlMs });
  return [
    setStoredList(store, {
      id: of.root.id,
      crl: list.der.toString('base64'),
      nextUpdate: list.nextUpdate,
    }),
    keys.remove(of.root.kid),
  ];
}

async function checkProof(root: CertificationAuthority, proof: string): Promise<void> {
  try {
    const { payload } = await compactVerify(proof, root.publicKey, { algorithms: ['ES256'] });
    if (new TextDecoder().decode(payload) === canonicalJson({ authority: root.id })) return;
  } catch (cause) {
    throw noProof(cause);
  }
  throw noProof(undefined);
}

function noProof(cause: unknown): Failure {
  return new Failure(
    'forbidden',
    'Nobody has shown that the exported key can be opened: use `wayside pki root offline` with the exported file.',
    cause === undefined ? {} : { cause },
  );
}

/** Steps that put the key back. Throws `conflict` where it is here, and `envelope_rejected` as `openExportedRoot`. */
export async function planReturn(
  deps: { readonly store: Store; readonly keys: SigningKeys },
  of: { readonly root: CertificationAuthority; readonly exported: ExportedRoot; readonly passphrase: string },
): Promise<readonly Step[]> {
  const { root, exported, passphrase } = of;
  if (root.privateKey !== null) throw new Failure('conflict', `The key of ${root.name} is here already.`);
  const opened = await openExportedRoot(exported, passphrase);
  if (keyFingerprint(opened.publicKey) !== keyFingerprint(root.publicKey)) {
    throw new Failure('envelope_rejected', `The file holds the key of another root than ${root.name}.`);
  }
  const { step } = await deps.keys.draft('ca_root', opened);
  return [step, setStoredList(deps.store, { id: root.id, crl: null, nextUpdate: null })];
}
