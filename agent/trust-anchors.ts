// How trust anchors change (rules.md 20): only to a root that a trusted one has signed, in a certificate for the new
// root's own name and key (RFC 4210, section 4.4). Whoever holds the connection alone can add none, and leave none out
// but in favour of one that is trusted already.
import { X509Certificate } from 'node:crypto';
import type { TrustAnchors } from '../protocol/api/enrollment.ts';
import { certificatePin, isIssuedBy, readCertificates } from './identity.ts';

/**
 * The anchors from now on, PEM; null where the offer is refused as a whole, because one of its roots is vouched for by
 * nothing that is trusted, or has ended, or because none would be left.
 */
export function nextAnchors(
  held: string,
  offered: TrustAnchors,
  /** Epoch ms. */
  now: number,
): string | null {
  const trusted = [...readCertificates(held)];
  const accepted: X509Certificate[] = [];
  for (const offer of offered) {
    const root = read(offer.root);
    const cross = offer.cross === null ? null : read(offer.cross);
    if (root === null || !isRoot(root, now)) return null;
    const isHeld = trusted.some((anchor) => certificatePin(anchor) === certificatePin(root));
    if (!isHeld && (cross === null || !vouches(cross, root, { trusted, now }))) return null;
    accepted.push(root);
  }
  if (accepted.length === 0) return null;
  return accepted.map((root) => `${root.toString().trim()}\n`).join('');
}

function read(pem: string): X509Certificate | null {
  try {
    return new X509Certificate(pem);
  } catch {
    return null;
  }
}

function isRoot(root: X509Certificate, now: number): boolean {
  return isIssuedBy(root, root) && isInTime(root, now);
}

function isInTime(certificate: X509Certificate, now: number): boolean {
  return certificate.validFromDate.getTime() <= now && now <= certificate.validToDate.getTime();
}

/** The cross certificate is about the very name and key of the root, an authority's, and by an anchor of ours. */
function vouches(
  cross: X509Certificate,
  root: X509Certificate,
  { trusted, now }: { readonly trusted: readonly X509Certificate[]; readonly now: number },
): boolean {
  return (
    cross.ca &&
    cross.subject === root.subject &&
    cross.publicKey.equals(root.publicKey) &&
    isInTime(cross, now) &&
    trusted.some((anchor) => isInTime(anchor, now) && isIssuedBy(cross, anchor))
  );
}
