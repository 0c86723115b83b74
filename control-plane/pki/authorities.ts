// The certification authorities of an installation as they count now: opened from the store with what of their keys is
// here, and checked to hold together. An authority is `next` until it issues, `active` while it does, `former` while
// what it issued still counts, and `retired` from then on.
import { webcrypto, X509Certificate } from 'node:crypto';
import { Failure } from '../../protocol/failures.ts';
import type { SigningKeys } from '../secrets/signing-keys.ts';
import type { Store } from '../store/store.ts';
import { selectAuthorities } from './authority-store.ts';
import type { AuthorityRow, AuthorityState } from './authority-store.ts';
import { isIssuedBy, signatureAlgorithm } from './certify.ts';
import type { Issuer } from './certify.ts';
import { certificatePin, keyFingerprint } from './fingerprint.ts';
import type { Level } from './profiles.ts';

export interface CertificationAuthority {
  readonly id: string;
  readonly level: Level;
  readonly state: AuthorityState;
  /** `root-1`, `data-plane-3`. */
  readonly name: string;
  readonly kid: string;
  /** Id of the authority above; null for a root. */
  readonly parent: string | null;
  readonly certificate: X509Certificate;
  readonly pem: string;
  /** Of a root: its certificate signed by the root before it, PEM. */
  readonly cross: string | null;
  readonly publicKey: webcrypto.CryptoKey;
  /** Null where the key is offline. */
  readonly privateKey: webcrypto.CryptoKey | null;
  /** The last list of one whose key is offline. */
  readonly storedList: { readonly der: Buffer; readonly nextUpdate: number } | null;
  readonly retiredAt: number | null;
  /** Whether agents are asked to renew as soon as it is active. */
  readonly renewsAgents: boolean;
}

export type SigningAuthority = CertificationAuthority & Issuer;

export interface Authorities {
  readonly trustDomain: string;
  readonly root: CertificationAuthority;
  readonly intermediate: SigningAuthority;
  readonly dataPlane: SigningAuthority;
  /** The roots that are trusted, the oldest first: two while the older one is about to be replaced. */
  readonly anchors: readonly CertificationAuthority[];
  /** The oldest of them: what join tokens pin, and what every chain of ours leads to. */
  readonly anchor: CertificationAuthority;
  /** All anchors, PEM: what our listeners and agents trust. */
  readonly trusted: string;
  /** What a leaf is followed by: data-plane CA, intermediate, and the cross-signed root while there are two; PEM. */
  readonly chain: string;
  /** SHA-256 of the anchor (DER), hex; goes into join tokens. */
  readonly rootPin: string;
  /** All with a certificate that are not retired, the oldest first. */
  readonly all: readonly CertificationAuthority[];
  /** Those that were retired and whose certificates have not ended by themselves. */
  readonly retired: readonly CertificationAuthority[];
}

export interface OpenOptions {
  readonly store: Store;
  readonly keys: SigningKeys;
  /** Epoch ms. */
  readonly now: number;
}

/** Null before the first start has made them. Throws `envelope_rejected` where the stored chain does not hold. */
export async function openAuthorities(options: OpenOptions): Promise<Authorities | null> {
  const { store, keys, now } = options;
  const rows = await store.read(selectAuthorities(store));
  if (rows.length === 0) return null;
  const opened: CertificationAuthority[] = [];
  for (const row of rows) {
    const isEnded = row.state === 'retired' && (row.not_after ?? 0) < now;
    if (row.certificate !== null && !isEnded) opened.push(await openAuthority(row, row.certificate, keys));
  }
  const all = opened.filter(({ state }) => state !== 'retired');
  checkSignatures(all, opened);
  return arrange(store.trustDomain, { all, retired: opened.filter(({ state }) => state === 'retired') });
}

function arrange(trustDomain: string, { all, retired }: Pick<Authorities, 'all' | 'retired'>): Authorities {
  const root = activeOf(all, 'root');
  const intermediate = withKey(activeOf(all, 'intermediate'));
  const dataPlane = withKey(activeOf(all, 'data_plane'));
  const anchors = all.filter(({ level, state }) => level === 'root' && state !== 'next');
  const anchor = anchors[0] ?? root;
  const cross = anchor.id === root.id ? '' : (root.cross ?? '');
  return {
    trustDomain,
    root,
    intermediate,
    dataPlane,
    anchors,
    anchor,
    trusted: anchors.map(({ pem }) => pem).join(''),
    chain: dataPlane.pem + intermediate.pem + cross,
    rootPin: certificatePin(anchor.certificate),
    all,
    retired,
  };
}

function activeOf(all: readonly CertificationAuthority[], level: Level): CertificationAuthority {
  const found = all.find((authority) => authority.level === level && authority.state === 'active');
  if (found === undefined) throw broken(level, 'none of them is active');
  return found;
}

/** Throws `root_offline` for a root whose key was taken away, and `envelope_rejected` for anything else without one. */
export function withKey(authority: CertificationAuthority): SigningAuthority {
  const { privateKey } = authority;
  if (privateKey !== null) return { ...authority, privateKey };
  if (authority.level !== 'root') throw broken(authority.name, 'its key is missing');
  throw new Failure(
    'root_offline',
    `The key of ${authority.name} is not here. Let it sign on the machine where it is kept: ` +
      '`wayside pki intermediate request` (or `root request`), `wayside pki sign`, and `… import`; or bring the key back with `wayside pki root import --exported`.',
  );
}

async function openAuthority(
  row: AuthorityRow,
  pem: string,
  keys: SigningKeys,
): Promise<CertificationAuthority> {
  const certificate = new X509Certificate(pem);
  const key = row.state === 'retired' ? null : await keys.open(row.kid);
  if (!certificate.ca) throw broken(row.name, 'its certificate is not that of an authority');
  if (key !== null && keyFingerprint(certificate.publicKey) !== keyFingerprint(key.publicKey)) {
    throw broken(row.name, 'its certificate is about another key');
  }
  const spki = certificate.publicKey.export({ type: 'spki', format: 'der' });
  return {
    id: row.id,
    level: row.level,
    state: row.state,
    name: row.name,
    kid: row.kid,
    parent: row.parent,
    certificate,
    pem,
    cross: row.cross_certificate,
    publicKey: await webcrypto.subtle.importKey('spki', spki, signatureAlgorithm, true, ['verify']),
    privateKey: key?.privateKey ?? null,
    storedList:
      row.crl === null || row.crl_next_update === null
        ? null
        : { der: Buffer.from(row.crl, 'base64'), nextUpdate: row.crl_next_update },
    retiredAt: row.retired_at,
    renewsAgents: Number(row.renews_agents) === 1,
  };
}

/** Certificates are stored in the clear: whoever can write to the database must not be able to swap one. */
function checkSignatures(
  all: readonly CertificationAuthority[],
  known: readonly CertificationAuthority[],
): void {
  for (const authority of all) {
    const issuer = authority.level === 'root' ? authority : known.find(({ id }) => id === authority.parent);
    if (issuer === undefined || !isIssuedBy(authority.certificate, issuer.certificate)) {
      throw broken(authority.name, 'its certificate was not signed by the authority above it');
    }
  }
}

function broken(what: string, why: string): Failure {
  return new Failure(
    'envelope_rejected',
    `The certification authority ${what} cannot be used: ${why}. Restore the signing keys from a backup.`,
  );
}
