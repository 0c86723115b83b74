// Authorities and roles as people see them, with what they should do something about.
import { X509Certificate } from 'node:crypto';
import type { PkiAuthority, PkiRole } from '../../protocol/api/pki.ts';
import { crlMs } from '../../protocol/limits.ts';
import type { SigningKeys } from '../secrets/signing-keys.ts';
import type { Store } from '../store/store.ts';
import { selectAuthorities } from './authority-store.ts';
import type { AuthorityRow } from './authority-store.ts';
import type { Authorities } from './authorities.ts';
import { certificatePin } from './fingerprint.ts';
import { endsSoon } from './keep-current.ts';
import { selectLiveLeaves } from './leaf-store.ts';
import type { Revocations } from './publish-lists.ts';
import type { Role } from './roles.ts';

export interface ViewDeps {
  readonly store: Store;
  readonly keys: SigningKeys;
  readonly authorities: Authorities;
  readonly revocations: Revocations;
  readonly now: number;
}

/** All that there ever were, the oldest first. */
export async function viewAuthorities(deps: ViewDeps): Promise<PkiAuthority[]> {
  const { store, keys, revocations } = deps;
  const rows = await store.read(selectAuthorities(store));
  const live = new Map((await store.read(selectLiveLeaves(store))).map((row) => [row.authority, row]));
  const kept = await keys.kept(['ca_root', 'ca_intermediate', 'ca_data_plane']);
  const lists = new Map((await revocations.current()).map((list) => [list.authority, list.nextUpdate]));
  const names = new Map(rows.map(({ id, name }) => [id, name]));
  return rows.map((row) => {
    const nextUpdate = lists.get(row.id) ?? row.crl_next_update;
    const isHere = kept.has(row.kid);
    return {
      id: row.id,
      level: row.level,
      state: row.state,
      name: row.name,
      parent: row.parent === null ? null : (names.get(row.parent) ?? null),
      key: isHere ? 'here' : row.state === 'retired' ? 'none' : 'offline',
      fingerprint: row.certificate === null ? null : certificatePin(new X509Certificate(row.certificate)),
      certificate: row.certificate,
      cross_certificate: row.cross_certificate,
      not_after: row.not_after,
      live_leaves: Number(live.get(row.id)?.live ?? 0),
      live_until: live.has(row.id) ? Number(live.get(row.id)?.until) : null,
      crl_path: `/pki/crl/${row.id}.crl`,
      crl_next_update: nextUpdate,
      created_at: row.created_at,
      activated_at: row.activated_at,
      retired_at: row.retired_at,
      warnings: warningsOf(deps, row, { nextUpdate, isHere }),
    };
  });
}

function warningsOf(
  { authorities, now }: ViewDeps,
  row: AuthorityRow,
  { nextUpdate, isHere }: { readonly nextUpdate: number | null; readonly isHere: boolean },
): string[] {
  if (row.state === 'retired') return [];
  const warnings: string[] = [];
  const authority = authorities.all.find(({ id }) => id === row.id);
  const end = authority === undefined ? null : endsSoon(authority, now);
  if (end !== null) warnings.push(end);
  if (row.level === 'root' && !isHere && (nextUpdate ?? 0) - now < crlMs * 30) {
    warnings.push(
      'Its revocation list ends soon and its key is offline: `wayside pki root request --list`, `wayside pki sign`, `wayside pki root import`.',
    );
  }
  if (row.level === 'root' && row.state === 'next' && row.cross_certificate === null) {
    warnings.push('The root that agents trust has not signed it yet: `wayside pki root request`.');
  }
  if (row.state === 'requested') warnings.push('It waits for its certificate: `wayside pki sign`.');
  return warnings;
}

export function viewRole(role: Role): PkiRole {
  return {
    name: role.name,
    description: role.description,
    issued_by: role.issuedBy,
    authority: role.authority,
    names: { uris: [...role.names.uris], dns: [...role.names.dns], ips: [...role.names.ips] },
    names_min: role.namesMin,
    names_max: role.namesMax,
    key_types: [...role.keyTypes],
    usages: [...role.usages],
    common_name: role.commonName,
    ttl_ms: role.ttlMs,
    revision: role.revision,
  };
}
