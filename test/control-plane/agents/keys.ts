// The keys of an agent and what it asks with, made by openssl and jose: nothing of the agent's own code.
import { calculateJwkThumbprint, exportJWK, generateKeyPair, importPKCS8 } from 'jose';
import { proveSealingKey } from '../../../protocol/key-statements.ts';
import type { SealingKey } from '../../../protocol/key-statements.ts';
import { opensslRequest } from '../../support/openssl.ts';

export interface AgentKeys {
  readonly key: string;
  readonly csr: string;
  readonly sealing_key: SealingKey;
}

export async function newKeys(options: Parameters<typeof opensslRequest>[0] = {}): Promise<AgentKeys> {
  const { key, csr } = await opensslRequest(options);
  return { key, csr, sealing_key: await newSealingKey(key) };
}

export async function newSealingKey(tlsKey: string): Promise<SealingKey> {
  const pair = await generateKeyPair('ECDH-ES+A256KW', { crv: 'P-256', extractable: true });
  const { x = '', y = '' } = await exportJWK(pair.publicKey);
  const jwk = { kty: 'EC', crv: 'P-256', x, y } as const;
  const kid = await calculateJwkThumbprint(jwk);
  return proveSealingKey({ ...jwk, kid }, await importPKCS8(tlsKey, 'ES256'));
}
