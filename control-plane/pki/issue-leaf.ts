// Issues leaf certificates under the data-plane CA, as their role allows: for our own listeners, for agents, and for
// what else a role was made for.
import { KeyObject, webcrypto, X509Certificate } from 'node:crypto';
import { spiffeUri } from '../../protocol/ids.ts';
import type { Authorities, CertificationAuthority, SigningAuthority } from './authorities.ts';
import { agentRole, serverRole } from './built-in-roles.ts';
import { certify, notAfterOf, signatureAlgorithm } from './certify.ts';
import { keyFingerprint } from './fingerprint.ts';
import { checkRequest } from './roles.ts';
import type { LeafRequest, Role, Usage } from './roles.ts';
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
  /** Id of the authority that issued it. */
  readonly authority: string;
}

export interface ServerLeaf extends Leaf {
  /** PKCS #8, PEM. The key lives in this process only; another start makes another one. */
  readonly key: string;
}

/** Throws `role_violation` for a name that is neither a DNS name in lower case nor an IP address. */
export async function issueServerCertificate(
  authorities: Authorities,
  options: {
    readonly dns: readonly string[];
    readonly ips: readonly string[];
    readonly now: number;
    readonly role?: Role;
  },
): Promise<ServerLeaf> {
  const { role = serverRole, now } = options;
  const pair = await webcrypto.subtle.generateKey(signatureAlgorithm, true, ['sign', 'verify']);
  const commonName = role.commonName.startsWith('fixed:') ? role.commonName.slice('fixed:'.length) : null;
  const leaf = await issueLeaf(authorities, role, {
    subject: [{ O: ['Wayside'] }, ...(commonName === null ? [] : [{ CN: [commonName] }])],
    request: {
      names: [
        ...options.dns.map((value) => ({ type: 'dns', value }) as const),
        ...options.ips.map((value) => ({ type: 'ip', value }) as const),
      ],
      keyType: 'p256',
      usages: null,
      commonName,
      ttlMs: null,
    },
    publicKey: pair.publicKey,
    now,
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
    readonly role?: Role;
  },
): Promise<Leaf> {
  const { identity, generation, publicKey, now, role = agentRole } = options;
  const uri = spiffeUri({ trustDomain: authorities.trustDomain, ...identity });
  return issueLeaf(authorities, role, {
    subject: [{ CN: [identity.agent] }, { '2.5.4.5': [String(generation)] }],
    request: {
      names: [{ type: 'url', value: uri }],
      keyType: 'p256',
      usages: null,
      commonName: null,
      ttlMs: null,
    },
    publicKey,
    now,
  });
}

/** Throws `role_violation` for a request that goes beyond the role. */
export async function issueLeaf(
  authorities: Authorities,
  role: Role,
  options: {
    readonly subject: x509.JsonName;
    readonly request: LeafRequest;
    readonly publicKey: webcrypto.CryptoKey;
    readonly now: number;
  },
): Promise<Leaf> {
  const { request, publicKey, subject, now } = options;
  checkRequest(role, request, authorities.trustDomain);
  const { issuer, chain } = issuerOf(authorities, role);
  const pem = await certify({
    issuer,
    subject,
    publicKey,
    now,
    lifeMs: request.ttlMs ?? role.ttlMs,
    extensions: [
      new x509.BasicConstraintsExtension(false, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
      new x509.ExtendedKeyUsageExtension((request.usages ?? role.usages).map(usageOf)),
      // An empty subject needs critical names (RFC 5280, section 4.1.2.6).
      new x509.SubjectAlternativeNameExtension(
        request.names.map((name) => ({ ...name })),
        subject.length === 0,
      ),
    ],
  });
  const certificate = new X509Certificate(pem);
  return {
    chain: pem + chain,
    serial: certificate.serialNumber,
    fingerprint: keyFingerprint(certificate.publicKey),
    notAfter: notAfterOf(certificate),
    authority: issuer.id,
  };
}

/** The active data-plane CA, or the one that the role names while that issues: a former one does not any more. */
function issuerOf(
  authorities: Authorities,
  { authority: reference }: Role,
): { readonly issuer: SigningAuthority; readonly chain: string } {
  const { all, chain, dataPlane } = authorities;
  const named = all.find((authority) => authority.id === reference && isIssuing(authority));
  const parent = all.find(({ id }) => id === named?.parent);
  const privateKey = named?.privateKey ?? null;
  if (named === undefined || parent === undefined || privateKey === null) return { issuer: dataPlane, chain };
  const tail = chain.slice(dataPlane.pem.length + authorities.intermediate.pem.length);
  return { issuer: { ...named, privateKey }, chain: named.pem + parent.pem + tail };
}

/** A data-plane CA that may issue leaves: the active one, or one that waits and is tried out. */
export function isIssuing({ level, state }: Pick<CertificationAuthority, 'level' | 'state'>): boolean {
  return level === 'data_plane' && (state === 'active' || state === 'next');
}

function usageOf(usage: Usage): x509.ExtendedKeyUsage {
  return usage === 'server_auth' ? x509.ExtendedKeyUsage.serverAuth : x509.ExtendedKeyUsage.clientAuth;
}
