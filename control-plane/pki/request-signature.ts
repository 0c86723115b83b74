// What a control plane asks of a root whose key is elsewhere: a certificate for a new intermediate, the cross
// certificate of a new root, or the next revocation list. And what it takes back.
import { randomUUIDv7, X509Certificate } from 'node:crypto';
import type { SigningRequest } from '../../protocol/api/pki.ts';
import { Failure } from '../../protocol/failures.ts';
import type { SigningKeys } from '../secrets/signing-keys.ts';
import type { Step, Store } from '../store/store.ts';
import { insertAuthority, setCertificate, setCrossCertificate, setStoredList } from './authority-store.ts';
import type { AuthorityRow } from './authority-store.ts';
import type { Authorities, CertificationAuthority } from './authorities.ts';
import { isIssuedBy, notAfterOf, ofLibrary, pemOf, signatureAlgorithm } from './certify.ts';
import { nextName } from './draft-authority.ts';
import { keyFingerprint } from './fingerprint.ts';
import { extensionsOf, subjectOf } from './profiles.ts';
import { revokedBy } from './publish-lists.ts';
import { x509 } from './x509.ts';

export interface RequestDeps {
  readonly store: Store;
  readonly keys: SigningKeys;
  readonly authorities: Authorities;
  readonly now: number;
}

/** Steps that make a key for an intermediate that waits for its certificate; answers the id. */
export async function planIntermediateRequest(
  deps: RequestDeps,
): Promise<{ readonly id: string; readonly steps: readonly Step[] }> {
  const { store, keys } = deps;
  const key = await keys.draft('ca_intermediate');
  const id = randomUUIDv7();
  const row = insertAuthority(store, {
    id,
    level: 'intermediate',
    state: 'requested',
    name: await nextName(store, 'intermediate'),
    kid: key.kid,
    certificate: null,
    cross_certificate: null,
    parent: null,
    not_after: null,
  });
  return { id, steps: [key.step, row] };
}

/** The request of an authority that waits, as it goes to the machine where the root is. Throws `conflict`. */
export async function writeRequest(deps: RequestDeps, authority: AuthorityRow): Promise<SigningRequest> {
  const { store, keys } = deps;
  const { id, level, name, state } = authority;
  const isRoot = level === 'root' && state === 'next';
  const key = isRoot || state === 'requested' ? await keys.open(authority.kid) : null;
  if (key === null || level === 'data_plane') {
    throw new Failure('conflict', `${name} is ${state} and waits for no signature.`);
  }
  const subject = subjectOf(level, { name, trustDomain: store.trustDomain });
  const csr = await x509.Pkcs10CertificateRequestGenerator.create({
    name: new x509.Name([...subject]).toJSON(),
    keys: { publicKey: key.publicKey, privateKey: key.privateKey },
    signingAlgorithm: signatureAlgorithm,
    extensions: [...extensionsOf(level, { trustDomain: store.trustDomain })],
  });
  return {
    type: 'wayside-pki-request',
    kind: isRoot ? 'root' : 'intermediate',
    authority: id,
    name,
    trust_domain: store.trustDomain,
    csr: pemOf(csr),
  };
}

/** The request for the next revocation list of a root whose key is offline. */
export async function writeListRequest(
  deps: RequestDeps,
  root: CertificationAuthority,
): Promise<SigningRequest> {
  const revoked = await revokedBy(deps.store, deps.authorities, deps.now);
  return {
    type: 'wayside-pki-request',
    kind: 'list',
    authority: root.id,
    name: root.name,
    trust_domain: deps.store.trustDomain,
    revoked: revoked(root.id).map(({ serial, revokedAt }) => ({ serial, revoked_at: revokedAt })),
  };
}

/**
 * Steps that take what the root has signed. Throws `certificate_rejected` for anything that is not for this authority,
 * by the active root, and within the bounds of its level.
 */
export async function planImport(
  deps: RequestDeps,
  of: { readonly authority: AuthorityRow; readonly pem: string },
): Promise<readonly Step[]> {
  const { store } = deps;
  const { authority, pem } = of;
  if (pem.includes('-----BEGIN X509 CRL-----')) return importList(deps, authority, pem);
  const { root } = deps.authorities;
  const certificate = readCertificate(pem);
  const key = await deps.keys.open(authority.kid);
  if (key === null) throw rejected(`${authority.name} has no key here`);
  if (keyFingerprint(certificate.publicKey) !== keyFingerprint(key.publicKey)) {
    throw rejected(`it is for another key than that of ${authority.name}`);
  }
  if (!isIssuedBy(certificate, root.certificate)) throw rejected(`${root.name} has not signed it`);
  checkReach(certificate, authority);
  if (notAfterOf(certificate) <= deps.now) throw rejected('it has ended');
  const text = `${certificate.toString().trim()}\n`;
  if (authority.level === 'root' && authority.state === 'next') {
    return [setCrossCertificate(store, { id: authority.id, certificate: text })];
  }
  return [
    setCertificate(store, {
      id: authority.id,
      certificate: text,
      parent: root.id,
      notAfter: notAfterOf(certificate),
    }),
  ];
}

function readCertificate(pem: string): X509Certificate {
  try {
    return new X509Certificate(pem);
  } catch (cause) {
    throw new Failure('certificate_rejected', 'The certificate cannot be read; send it as PEM.', { cause });
  }
}

/** A certificate that reaches further than its level may is as good as another root. */
function checkReach(certificate: X509Certificate, authority: AuthorityRow): void {
  const parsed = ofLibrary(certificate);
  const constraints = parsed.getExtension(x509.BasicConstraintsExtension);
  const usages = parsed.getExtension(x509.KeyUsagesExtension)?.usages ?? 0;
  const most = authority.level === 'root' ? 2 : 1;
  const length = constraints?.pathLength;
  const signs =
    (usages & x509.KeyUsageFlags.keyCertSign) !== 0 && (usages & x509.KeyUsageFlags.cRLSign) !== 0;
  if (constraints?.ca !== true || !signs) throw rejected('it is not that of an authority');
  if (length === undefined || length > most) throw rejected(`its path length is not ${most} or less`);
}

async function importList(deps: RequestDeps, authority: AuthorityRow, pem: string): Promise<readonly Step[]> {
  const known = deps.authorities.all.find(({ id }) => id === authority.id);
  if (known?.level !== 'root' || known.privateKey !== null) {
    throw rejected('a list is imported for a root whose key is offline');
  }
  const list = readList(pem);
  const isSigned = await list.verify({ publicKey: ofLibrary(known.certificate) }).catch(() => false);
  if (!isSigned) throw rejected(`${known.name} has not signed it`);
  const nextUpdate = list.nextUpdate?.getTime() ?? 0;
  if (nextUpdate <= deps.now) throw rejected('the list has ended');
  // An older list could hide a revocation.
  if (nextUpdate < (known.storedList?.nextUpdate ?? 0)) throw rejected('a newer list is here already');
  const crl = Buffer.from(list.rawData).toString('base64');
  return [setStoredList(deps.store, { id: authority.id, crl, nextUpdate })];
}

function readList(pem: string): x509.X509Crl {
  try {
    return new x509.X509Crl(Buffer.from(pem.replaceAll(/-----[A-Z0-9 ]+-----|\s/g, ''), 'base64'));
  } catch (cause) {
    throw new Failure('certificate_rejected', 'The revocation list cannot be read; send it as PEM.', {
      cause,
    });
  }
}

function rejected(why: string): Failure {
  return new Failure('certificate_rejected', `What was signed is not taken: ${why}.`);
}
