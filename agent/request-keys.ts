// Makes the agent's keys and the certificate request for them (PKCS #10, RFC 2986). Private keys never leave the agent.
import 'reflect-metadata';
import * as x509 from '@peculiar/x509';
import { calculateJwkThumbprint, exportJWK, exportPKCS8, generateKeyPair, importPKCS8 } from 'jose';
import type { JWK } from 'jose';
import { proveSealingKey } from '../protocol/key-statements.ts';
import type { SealingKey } from '../protocol/key-statements.ts';
import { sealingKeyMsMax } from '../protocol/limits.ts';
import type { PendingRequest, StoredIdentity, StoredSealingKey } from './identity.ts';

const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const;

/** A new TLS key with its request; a new sealing key too, unless the current one is young enough. */
export async function makeRequest(options: {
  readonly purpose: PendingRequest['purpose'];
  readonly generation: number;
  readonly name: string;
  readonly current: StoredIdentity | null;
  /** Epoch ms. */
  readonly now: number;
}): Promise<PendingRequest> {
  const pair = await generateKeyPair('ES256', { extractable: true });
  const request = await x509.Pkcs10CertificateRequestGenerator.create({
    name: [{ CN: [options.name] }],
    keys: pair,
    signingAlgorithm: algorithm,
  });
  const newest = options.current?.sealing_keys[0];
  const young = newest !== undefined && options.now - newest.created_at < sealingKeyMsMax;
  return {
    purpose: options.purpose,
    generation: options.generation,
    key: await exportPKCS8(pair.privateKey),
    csr: `${request.toString('pem')}\n`,
    sealing_key: young ? newest : await makeSealingKey(options.now),
  };
}

async function makeSealingKey(now: number): Promise<StoredSealingKey> {
  const { privateKey } = await generateKeyPair('ECDH-ES+A256KW', { crv: 'P-256', extractable: true });
  const jwk = await exportJWK(privateKey);
  const kid = await calculateJwkThumbprint(jwk);
  return { jwk: { ...(jwk as PrivateEc), kid }, created_at: now };
}

interface PrivateEc extends JWK {
  readonly kty: 'EC';
  readonly crv: 'P-256';
  readonly x: string;
  readonly y: string;
  readonly d: string;
}

/** What the request says of the sealing key: its public half, signed by the key of the certificate request. */
export async function statementOf(pending: PendingRequest): Promise<SealingKey> {
  const { kty, crv, x, y, kid } = pending.sealing_key.jwk;
  return proveSealingKey({ kty, crv, x, y, kid }, await importPKCS8(pending.key, 'ES256'));
}
