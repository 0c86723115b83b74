// The three certification authorities of an installation: root, intermediate, data plane. Made at the first start,
// opened and checked at every other one, and renewed before they would cut a leaf's life short.
import { X509Certificate } from 'node:crypto';
import { NameConstraints, GeneralSubtree, GeneralSubtrees, GeneralName } from '@peculiar/asn1-x509';
import { AsnConvert } from '@peculiar/asn1-schema';
import { Failure } from '../../protocol/failures.ts';
import {
  dataPlaneCertificateMs,
  intermediateCertificateMs,
  rootCertificateMs,
} from '../../protocol/limits.ts';
import type { NewSigningKey, SigningKey, SigningKeys } from '../secrets/signing-keys.ts';
import { certify, notAfterOf } from './certify.ts';
import type { Issuer } from './certify.ts';
import { certificatePin, keyFingerprint } from './fingerprint.ts';
import { x509 } from './x509.ts';

export interface CertificationAuthority extends Issuer {
  readonly kid: string;
  readonly pem: string;
}

export interface Authorities {
  readonly trustDomain: string;
  readonly root: CertificationAuthority;
  readonly intermediate: CertificationAuthority;
  readonly dataPlane: CertificationAuthority;
  /** What a leaf is followed by: data-plane CA, then intermediate; PEM. */
  readonly chain: string;
  /** SHA-256 of the root (DER), hex; goes into join tokens. */
  readonly rootPin: string;
}

export interface AuthorityOptions {
  readonly keys: SigningKeys;
  readonly trustDomain: string;
  /** Epoch ms. */
  readonly now: number;
}

/**
 * Opens the authorities and makes those that are missing. A data-plane CA in its last third, and an intermediate
 * that would no longer outlive a new data-plane CA, are replaced; agents trust the root alone, and get the rest of
 * the chain with every leaf. Throws `envelope_rejected` where the stored chain does not hold together.
 */
export async function ensureAuthorities(options: AuthorityOptions): Promise<Authorities> {
  const { keys, trustDomain, now } = options;
  const root = openAuthority(await keys.ensure(rootOf(options)));
  let intermediate = openAuthority(await keys.ensure(intermediateOf(options, root)));
  let dataPlane = openAuthority(await keys.ensure(dataPlaneOf(options, intermediate)));
  if (notAfterOf(intermediate.certificate) - now < dataPlaneCertificateMs) {
    intermediate = openAuthority(await keys.create(intermediateOf(options, root)));
  }
  const signedByAnother = !dataPlane.certificate.checkIssued(intermediate.certificate);
  if (signedByAnother || notAfterOf(dataPlane.certificate) - now < dataPlaneCertificateMs / 3) {
    dataPlane = openAuthority(await keys.create(dataPlaneOf(options, intermediate)));
  }
  checkSignature(root, root);
  checkSignature(intermediate, root);
  checkSignature(dataPlane, intermediate);
  return {
    trustDomain,
    root,
    intermediate,
    dataPlane,
    chain: dataPlane.pem + intermediate.pem,
    rootPin: certificatePin(root.certificate),
  };
}

function rootOf({ trustDomain, now }: AuthorityOptions): NewSigningKey {
  return {
    purpose: 'ca_root',
    notAfter: now + rootCertificateMs,
    certify: ({ publicKey, privateKey }) =>
      certify({
        issuer: null,
        subject: nameOf('Root CA', trustDomain),
        publicKey,
        signingKey: privateKey,
        now,
        lifeMs: rootCertificateMs,
        extensions: authorityExtensions(2),
      }),
  };
}

function intermediateOf({ trustDomain, now }: AuthorityOptions, root: CertificationAuthority): NewSigningKey {
  return {
    purpose: 'ca_intermediate',
    notAfter: Math.min(now + intermediateCertificateMs, notAfterOf(root.certificate)),
    certify: ({ publicKey }) =>
      certify({
        issuer: root,
        subject: nameOf('Intermediate CA', trustDomain),
        publicKey,
        signingKey: root.privateKey,
        now,
        lifeMs: intermediateCertificateMs,
        extensions: authorityExtensions(1),
      }),
  };
}

function dataPlaneOf(
  { trustDomain, now }: AuthorityOptions,
  intermediate: CertificationAuthority,
): NewSigningKey {
  return {
    purpose: 'ca_data_plane',
    notAfter: Math.min(now + dataPlaneCertificateMs, notAfterOf(intermediate.certificate)),
    certify: ({ publicKey }) =>
      certify({
        issuer: intermediate,
        subject: nameOf('Data Plane CA', trustDomain),
        publicKey,
        signingKey: intermediate.privateKey,
        now,
        lifeMs: dataPlaneCertificateMs,
        extensions: [...authorityExtensions(0), onlyUrisOf(trustDomain)],
      }),
  };
}

function nameOf(title: string, trustDomain: string): x509.JsonName {
  return [{ O: ['Wayside'] }, { OU: [trustDomain] }, { CN: [`Wayside ${title}`] }];
}

function authorityExtensions(pathLength: number): x509.Extension[] {
  return [
    new x509.BasicConstraintsExtension(true, pathLength, true),
    new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
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

function openAuthority(key: SigningKey): CertificationAuthority {
  if (key.certificate === null) throw broken(key.purpose, 'it has no certificate');
  const certificate = new X509Certificate(key.certificate);
  if (!certificate.ca || keyFingerprint(certificate.publicKey) !== keyFingerprint(key.publicKey)) {
    throw broken(key.purpose, 'its certificate is about another key');
  }
  const { kid, publicKey, privateKey, certificate: pem } = key;
  return { kid, publicKey, privateKey, certificate, pem };
}

/** Certificates are stored in the clear: whoever can write to the database must not be able to swap one. */
function checkSignature(authority: CertificationAuthority, issuer: CertificationAuthority): void {
  const { certificate } = authority;
  if (!certificate.checkIssued(issuer.certificate) || !certificate.verify(issuer.certificate.publicKey)) {
    throw broken(certificate.subject, 'its certificate was not signed by the authority above it');
  }
}

function broken(what: string, why: string): Failure {
  return new Failure(
    'envelope_rejected',
    `The certification authority ${what} cannot be used: ${why}. Restore the signing keys from a backup.`,
  );
}
