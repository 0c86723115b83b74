// What the certificate of each level says: its name, its life, how far it reaches. Pure data for `certify`, the same
// for an authority that is made here and for one whose certificate is signed offline.
import { AsnConvert } from '@peculiar/asn1-schema';
import { GeneralName, GeneralSubtree, GeneralSubtrees, NameConstraints } from '@peculiar/asn1-x509';
import {
  dataPlaneCertificateMs,
  intermediateCertificateMs,
  rootCertificateMs,
} from '../../protocol/limits.ts';
import type { PkiAuthoritiesTable } from '../store/tables-pki.ts';
import { x509 } from './x509.ts';

export type Level = PkiAuthoritiesTable['level'];

export interface Profile {
  readonly title: string;
  /** What the authority's own name begins with: `root-1`. */
  readonly prefix: string;
  readonly lifeMs: number;
  /** Authorities that may stand below it (RFC 5280, section 4.2.1.9). */
  readonly pathLength: number;
}

export const profiles: Readonly<Record<Level, Profile>> = {
  // Three: the two levels below, and the cross certificate of its successor.
  root: { title: 'Root CA', prefix: 'root', lifeMs: rootCertificateMs, pathLength: 3 },
  intermediate: {
    title: 'Intermediate CA',
    prefix: 'intermediate',
    lifeMs: intermediateCertificateMs,
    pathLength: 1,
  },
  data_plane: {
    title: 'Data Plane CA',
    prefix: 'data-plane',
    lifeMs: dataPlaneCertificateMs,
    pathLength: 0,
  },
};

/** A root in the certificate that its predecessor signed: the two levels below it, and no more. */
export const crossPathLength = 2;

/** No two authorities of an installation have the same subject, so that an issuer's name means one of them. */
export function subjectOf(level: Level, of: { readonly name: string; readonly trustDomain: string }) {
  const number = of.name.slice(profiles[level].prefix.length + 1);
  const common = `Wayside ${profiles[level].title} ${number}`;
  return [{ O: ['Wayside'] }, { OU: [of.trustDomain] }, { CN: [common] }] satisfies x509.JsonName;
}

export function extensionsOf(
  level: Level,
  of: { readonly trustDomain: string; readonly pathLength?: number },
): readonly x509.Extension[] {
  const { trustDomain, pathLength = profiles[level].pathLength } = of;
  return [
    new x509.BasicConstraintsExtension(true, pathLength, true),
    new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
    ...(level === 'data_plane' ? [onlyUrisOf(trustDomain)] : []),
  ];
}

/**
 * Name constraints (RFC 5280, section 4.2.1.10): the data-plane CA can vouch for URIs of this trust domain only, so
 * its key is worth nothing in another one. The library has no class for the extension.
 */
function onlyUrisOf(trustDomain: string): x509.Extension {
  const base = new GeneralName({ uniformResourceIdentifier: trustDomain });
  const constraints = new NameConstraints({
    permittedSubtrees: new GeneralSubtrees([new GeneralSubtree({ base })]),
  });
  return new x509.Extension('2.5.29.30', true, AsnConvert.serialize(constraints));
}
