// The keys that verify intents, out of the statement that enrolment, renewal and every welcome carry: the data-plane
// CA that signed it must lead to the pinned root, then the keys in it may be used.
import { X509Certificate } from 'node:crypto';
import type { CryptoKey, JWK } from 'jose';
import { decodeProtectedHeader, importJWK, importX509 } from 'jose';
import { Failure } from '../protocol/failures.ts';
import { verifyAuditKeys, verifyIntentKeys } from '../protocol/key-statements.ts';
import { isChain, readCertificates } from './identity.ts';
import type { StoredIdentity } from './identity.ts';

type Anchors = Pick<StoredIdentity, 'root' | 'certificate_chain'>;

/** Throws `invalid_intent` where no authority under our root signed the statement. */
export async function readIntentKeys(statement: string, trust: Anchors): Promise<readonly JWK[]> {
  return verifyIntentKeys(statement, await signerKeys(statement, trust));
}

/** The same of the keys that verify heads of the audit trail. */
export async function readAuditKeys(statement: string, trust: Anchors): Promise<readonly JWK[]> {
  return verifyAuditKeys(statement, await signerKeys(statement, trust));
}

async function signerKeys(statement: string, trust: Anchors): Promise<readonly CryptoKey[]> {
  const anchors = readCertificates(trust.root);
  if (anchors.length === 0) throw new Failure('state_unusable', 'The identity of this agent has no root.');
  const own = readCertificates(trust.certificate_chain).slice(1, 2);
  const signers = [...own, ...signersOf(statement, anchors)];
  return Promise.all(signers.map((signer) => importKey(signer)));
}

/** The chain in the header (RFC 7515, 4.1.6) counts only when it leads to a root of ours: a new CA may have taken over. */
function signersOf(statement: string, anchors: readonly X509Certificate[]): readonly X509Certificate[] {
  try {
    const { x5c } = decodeProtectedHeader(statement);
    const chain = (x5c ?? []).map((der) => new X509Certificate(Buffer.from(der, 'base64')));
    const [signer] = chain;
    return signer?.ca === true && isChain(chain, anchors) ? [signer] : [];
  } catch {
    return [];
  }
}

async function importKey(certificate: X509Certificate): Promise<CryptoKey> {
  return importX509(certificate.toString(), 'ES256');
}

/** The private keys that open inputs, by their id. */
export async function importSealingKeys(
  stored: StoredIdentity['sealing_keys'],
): Promise<ReadonlyMap<string, CryptoKey>> {
  const keys = await Promise.all(
    stored.map(async ({ jwk }) => [jwk.kid, (await importJWK(jwk, 'ECDH-ES+A256KW')) as CryptoKey] as const),
  );
  return new Map(keys);
}
