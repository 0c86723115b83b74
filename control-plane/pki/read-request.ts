// Reads certificate requests (PKCS #10, RFC 2986): of an agent's only the key, for its names are the server's to give;
// of others also what they ask for, to be held against a role.
import { webcrypto } from 'node:crypto';
import { Failure } from '../../protocol/failures.ts';
import type { KeyType, LeafName, LeafRequest, Usage } from './roles.ts';
import { x509 } from './x509.ts';

const algorithms: Readonly<Record<KeyType, webcrypto.AlgorithmIdentifier | webcrypto.EcKeyImportParams>> = {
  p256: { name: 'ECDSA', namedCurve: 'P-256' },
  p384: { name: 'ECDSA', namedCurve: 'P-384' },
  ed25519: { name: 'Ed25519' },
};

/** Throws `invalid_csr` for another key type, a request that its own key did not sign, and anything unreadable. */
export async function readRequestKey(csrPem: string): Promise<webcrypto.CryptoKey> {
  const { publicKey } = await openRequest(csrPem, ['p256']);
  return publicKey;
}

export interface ReadRequest {
  readonly publicKey: webcrypto.CryptoKey;
  readonly asked: Omit<LeafRequest, 'ttlMs'>;
}

/**
 * Throws `invalid_csr` as above, and `role_violation` for what no leaf may ever be: an authority, a key that signs
 * certificates or lists, a name of a kind that is not known here.
 */
export async function readRequest(csrPem: string): Promise<ReadRequest> {
  const { request, publicKey, keyType } = await openRequest(csrPem, ['p256', 'p384', 'ed25519']);
  const constraints = extensionOf(request, x509.BasicConstraintsExtension);
  if (constraints?.ca === true) throw refused('authority', 'A leaf is never an authority.');
  const signing = x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign;
  const usages = extensionOf(request, x509.KeyUsagesExtension)?.usages ?? 0;
  if ((usages & signing) !== 0) throw refused('usage', 'A leaf signs neither certificates nor lists.');
  return {
    publicKey,
    asked: {
      names: namesOf(request),
      keyType,
      usages: usagesOf(request),
      commonName: request.subjectName.getField('CN')[0] ?? null,
    },
  };
}

interface Opened {
  readonly request: x509.Pkcs10CertificateRequest;
  readonly publicKey: webcrypto.CryptoKey;
  readonly keyType: KeyType;
}

async function openRequest(csrPem: string, allowed: readonly KeyType[]): Promise<Opened> {
  let opened: Opened | null = null;
  let signed: boolean;
  try {
    const request = new x509.Pkcs10CertificateRequest(csrPem);
    for (const keyType of allowed) {
      const key = request.publicKey.rawData;
      const publicKey = await webcrypto.subtle
        .importKey('spki', key, algorithms[keyType], true, ['verify'])
        .catch(() => null);
      if (publicKey !== null) opened = { request, publicKey, keyType };
    }
    signed = opened !== null && (await request.verify());
  } catch (cause) {
    throw unreadable(cause);
  }
  if (opened === null) throw unreadable(undefined);
  if (!signed) {
    throw new Failure('invalid_csr', 'The certificate request was not signed by the key that it names.');
  }
  return opened;
}

function unreadable(cause: unknown): Failure {
  return new Failure(
    'invalid_csr',
    'The certificate request cannot be read: send a PKCS #10 request in PEM for an ECDSA key on P-256.',
    cause === undefined ? {} : { cause },
  );
}

/** The library finds extensions of a request by their number alone. */
function extensionOf<Extension>(
  request: x509.Pkcs10CertificateRequest,
  kind: new (...args: never[]) => Extension,
): Extension | null {
  for (const extension of request.extensions) if (extension instanceof kind) return extension;
  return null;
}

function namesOf(request: x509.Pkcs10CertificateRequest): readonly LeafName[] {
  const extension = extensionOf(request, x509.SubjectAlternativeNameExtension);
  return (extension?.names.items ?? []).map(({ type, value }) => {
    if (type !== 'dns' && type !== 'ip' && type !== 'url') {
      throw refused('name', `A leaf has DNS names, addresses and URIs, not ${type}.`);
    }
    return { type, value };
  });
}

function usagesOf(request: x509.Pkcs10CertificateRequest): readonly Usage[] | null {
  const asked = extensionOf(request, x509.ExtendedKeyUsageExtension)?.usages ?? [];
  if (asked.length === 0) return null;
  return asked.map((usage) => {
    if (usage === x509.ExtendedKeyUsage.serverAuth) return 'server_auth';
    if (usage === x509.ExtendedKeyUsage.clientAuth) return 'client_auth';
    throw refused('usage', `A leaf is for servers or clients, not for ${usage.toString()}.`);
  });
}

function refused(part: string, message: string): Failure {
  return new Failure('role_violation', message, { details: { part } });
}
