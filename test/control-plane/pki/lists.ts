// The revocation lists of a whole chain for tests: the leaf's authority lists what is revoked, those above nothing.
import type { Authorities, CertificationAuthority } from '../../../control-plane/pki/authorities.ts';
import { issueList, listPem } from '../../../control-plane/pki/revocation-list.ts';
import type { RevokedCertificate } from '../../../control-plane/pki/revocation-list.ts';

/** PEM of root, intermediate and data-plane CA, each on its own. */
export function listsOf(
  { root, intermediate, dataPlane }: Authorities,
  options: { readonly revoked: readonly RevokedCertificate[]; readonly now: number },
): string[] {
  const { now, revoked } = options;
  return [
    pemOf(root, { revoked: [], now }),
    pemOf(intermediate, { revoked: [], now }),
    pemOf(dataPlane, { revoked, now }),
  ];
}

export function pemOf(
  { certificate, privateKey }: CertificationAuthority,
  options: { readonly revoked: readonly RevokedCertificate[]; readonly now: number },
): string {
  if (privateKey === null) throw new Error('this authority has its key elsewhere');
  return listPem(issueList({ certificate, privateKey }, options).der);
}
