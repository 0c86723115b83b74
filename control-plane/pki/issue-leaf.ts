// Issues leaf certificates under the data-plane CA: for our own listeners, and for agents.
import { KeyObject, webcrypto, X509Certificate } from 'node:crypto';
import { spiffeUri } from '../../protocol/ids.ts';
import type { Authorities } from './authorities.ts';
import { certify, notAfterOf, signatureAlgorithm } from './certify.ts';
import { keyFingerprint } from './fingerprint.ts';
import { checkNames, roles } from './roles.ts';
import type { LeafName, Role } from './roles.ts';
import { x509 } from './x509.ts';

export interface Leaf {
  /** Leaf, data-plane CA, intermediate; PEM. */
  readonly chain: string;
  /** Hex in upper case, as node:crypto prints it. */
  readonly serial: string;
  /** SHA-256 of the public key, hex. */
  readonly fingerprint: string;
  /** Epoch ms. */
  readonly notAfter: number;
}

export interface ServerLeaf extends Leaf {
  /** PKCS #8, PEM. The key lives in this process only; another start makes another one. */
  readonly key: string;
}

/** Throws `certificate_rejected` for a name that is neither a DNS name in lower case nor an IP address. */
export async function issueServerCertificate(
  authorities: Authorities,
  options: { readonly dns: readonly string[]; readonly ips: readonly string[]; readonly now: number },
): Promise<ServerLeaf> {
  const pair = await webcrypto.subtle.generateKey(signatureAlgorithm, true, ['sign', 'verify']);
  const names: LeafName[] = [
    ...options.dns.map((value) => ({ type: 'dns', value }) as const),
    ...options.ips.map((value) => ({ type: 'ip', value }) as const),
  ];
  const leaf = await issueLeaf(authorities, roles.server, {
    subject: [{ O: ['Wayside'] }, { CN: ['Wayside control plane'] }],
    names,
    publicKey: pair.publicKey,
    now: options.now,
  });
  return { ...leaf, key: KeyObject.from(pair.privateKey).export({ type: 'pkcs8', format: 'pem' }) };
}

/**
 * The certificate of an agent. Its subject carries the agent's id and, as serialNumber (RFC 5280, section 4.1.2.4),
 * which of its certificates this is; the identity is the SPIFFE URI alone.
 */
export async function issueAgentCertificate(
  authorities: Authorities,
  options: {
    readonly publicKey: webcrypto.CryptoKey;
    readonly identity: { readonly organization: string; readonly project: string; readonly agent: string };
    readonly generation: number;
    readonly now: number;
  },
): Promise<Leaf> {
  const { identity, generation, publicKey, now } = options;
  const uri = spiffeUri({ trustDomain: authorities.trustDomain, ...identity });
  return issueLeaf(authorities, roles.agent, {
    subject: [{ CN: [identity.agent] }, { '2.5.4.5': [String(generation)] }],
    names: [{ type: 'url', value: uri }],
    publicKey,
    now,
  });
}

async function issueLeaf(
  authorities: Authorities,
  role: Role,
  options: {
    readonly subject: x509.JsonName;
    readonly names: readonly LeafName[];
    readonly publicKey: webcrypto.CryptoKey;
    readonly now: number;
  },
): Promise<Leaf> {
  const { names, publicKey, subject, now } = options;
  checkNames(role, names, authorities.trustDomain);
  const pem = await certify({
    issuer: authorities.dataPlane,
    subject,
    publicKey,
    signingKey: authorities.dataPlane.privateKey,
    now,
    lifeMs: role.lifeMs,
    extensions: [
      new x509.BasicConstraintsExtension(false, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
      new x509.ExtendedKeyUsageExtension([role.usage]),
      new x509.SubjectAlternativeNameExtension(names.map((name) => ({ ...name }))),
    ],
  });
  const certificate = new X509Certificate(pem);
  return {
    chain: pem + authorities.chain,
    serial: certificate.serialNumber,
    fingerprint: keyFingerprint(certificate.publicKey),
    notAfter: notAfterOf(certificate),
  };
}
