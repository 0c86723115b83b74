// The revocation lists of all authorities as others fetch them: made anew when something was revoked since, and at half
// of their life; never on the path of a connection. The store is asked once a second at the most, whoever asks.
import { crlMs, crlPublishMsMax } from '../../protocol/limits.ts';
import type { Store } from '../store/store.ts';
import type { Authorities, CertificationAuthority } from './authorities.ts';
import { notAfterOf } from './certify.ts';
import { selectRevokedLeaves } from './leaf-store.ts';
import { issueList, listPem } from './revocation-list.ts';
import type { RevocationList, RevokedCertificate } from './revocation-list.ts';

export interface PublishedList extends RevocationList {
  readonly authority: string;
}

export interface Revocations {
  /** One list for each authority that counts, the oldest first. */
  current(): Promise<readonly PublishedList[]>;
  /** All of them, PEM. */
  pem(): Promise<{ readonly pem: string; readonly nextUpdate: number }>;
  /** By the id of the authority; also of a retired one, its last. */
  of(authority: string): Promise<PublishedList | null>;
}

export interface PublishDeps {
  readonly store: Store;
  readonly pki: { authorities(): Authorities };
  readonly clock: { now(): number };
}

interface Held {
  readonly list: PublishedList;
  /** What it was made of. */
  readonly content: string;
}

interface Looked {
  readonly at: number;
  readonly authorities: Authorities;
  readonly lists: Promise<readonly PublishedList[]>;
}

export function openRevocations(deps: PublishDeps): Revocations {
  const held = new Map<string, Held>();
  let looked: Looked | null = null;
  const make = async (authorities: Authorities, now: number): Promise<readonly PublishedList[]> => {
    const revoked = await revokedBy(deps.store, authorities, now);
    return authorities.all.flatMap((authority) => {
      const list = listOf(held, authority, { revoked: revoked(authority.id), now });
      return list === null ? [] : [list];
    });
  };
  const current = (): Promise<readonly PublishedList[]> => {
    const now = deps.clock.now();
    const authorities = deps.pki.authorities();
    if (looked !== null && looked.authorities === authorities) {
      const age = now - looked.at;
      if (age >= 0 && age < crlPublishMsMax) return looked.lists;
    }
    const lists = make(authorities, now);
    looked = { at: now, authorities, lists };
    lists.catch(() => (looked = null));
    return lists;
  };
  return {
    current,
    async pem() {
      const lists = await current();
      return {
        pem: lists.map(({ der }) => listPem(der)).join(''),
        nextUpdate: Math.min(...lists.map(({ nextUpdate }) => nextUpdate)),
      };
    },
    async of(id) {
      const list = (await current()).find(({ authority }) => authority === id);
      if (list !== undefined) return list;
      const last = deps.pki.authorities().retired.find((authority) => authority.id === id)?.storedList;
      return last === undefined || last === null ? null : { ...last, authority: id };
    },
  };
}

function listOf(
  held: Map<string, Held>,
  authority: CertificationAuthority,
  of: { readonly revoked: readonly RevokedCertificate[]; readonly now: number },
): PublishedList | null {
  const { id, certificate, privateKey, storedList } = authority;
  if (privateKey === null) return storedList === null ? null : { ...storedList, authority: id };
  const content = of.revoked.map(({ serial }) => serial).join(' ');
  const known = held.get(id);
  if (known?.content === content && known.list.nextUpdate - of.now > crlMs / 2) return known.list;
  const list = { ...issueList({ certificate, privateKey }, of), authority: id };
  held.set(id, { list, content });
  return list;
}

/** Leaves by the record of what was issued, and authorities that were retired before their time. */
export async function revokedBy(
  store: Store,
  authorities: Authorities,
  now: number,
): Promise<(authority: string) => readonly RevokedCertificate[]> {
  const leaves = await store.read(selectRevokedLeaves(store));
  return (authority) => [
    ...authorities.retired
      .filter(({ parent, certificate }) => parent === authority && notAfterOf(certificate) > now)
      .map(({ certificate, retiredAt }) => ({
        serial: certificate.serialNumber,
        revokedAt: retiredAt ?? now,
      })),
    ...leaves
      .filter((leaf) => leaf.authority === authority)
      .map((leaf) => ({ serial: leaf.serial, revokedAt: leaf.revoked_at ?? now })),
  ];
}
