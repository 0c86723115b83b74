// The revocation lists as others fetch them: made when somebody asks and the last ones are half through their life
// or a revocation has come since; never on the path of a connection.
import { crlMs } from '../../protocol/limits.ts';
import { issueRevocationLists } from '../pki/revocation-list.ts';
import type { RevocationLists } from '../pki/revocation-list.ts';
import type { AgentsDeps } from './contract.ts';
import { selectRevokedCertificates } from './store.ts';

export interface Revocations {
  /** PEM, three lists: root, intermediate, data-plane CA. */
  current(): Promise<RevocationLists>;
}

export function openRevocations(deps: Pick<AgentsDeps, 'store' | 'pki' | 'clock'>): Revocations {
  let held: { readonly lists: RevocationLists; readonly serials: string; readonly dataPlane: string } | null =
    null;
  return {
    async current() {
      const rows = await deps.store.read(selectRevokedCertificates(deps.store));
      const now = deps.clock.now();
      const serials = rows.map((row) => row.serial).join(' ');
      const { pem: dataPlane } = deps.pki.authorities().dataPlane;
      const isGood =
        held !== null &&
        held.serials === serials &&
        held.dataPlane === dataPlane &&
        held.lists.nextUpdate - now > crlMs / 2;
      if (held !== null && isGood) return held.lists;
      const revoked = rows.map((row) => ({ serial: row.serial, revokedAt: row.revoked_at ?? now }));
      const lists = issueRevocationLists(deps.pki.authorities(), { revoked, now });
      held = { lists, serials, dataPlane };
      return lists;
    },
  };
}
