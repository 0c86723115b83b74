// What verification is measured against and what changes while the agent lives: identity, keys, clock difference,
// definitions. One object, so that every offer sees one state of it.
import type { CryptoKey, JWK } from 'jose';
import type { StoredIdentity } from './identity.ts';
import { importSealingKeys, readIntentKeys } from './intent-keys.ts';
import type { Registry } from './load.ts';
import type { Log } from './log.ts';
import type { VerifyContext } from './verify.ts';

export interface Trust {
  identity: StoredIdentity;
  intentKeys: readonly JWK[];
  sealingKeys: ReadonlyMap<string, CryptoKey>;
  /** The server's clock minus this one, in ms; null before the first welcome. */
  skewMs: number | null;
  registry: Registry;
  /** The statement that `intentKeys` came from. */
  statement: string;
  /** Resolves when the keys of the last welcome are in use: no offer is verified before. */
  settled: Promise<void>;
}

export async function openTrust(identity: StoredIdentity, registry: Registry): Promise<Trust> {
  return {
    identity,
    intentKeys: await readIntentKeys(identity.intent_keys, identity),
    sealingKeys: await importSealingKeys(identity.sealing_keys),
    skewMs: null,
    registry,
    statement: identity.intent_keys,
    settled: Promise.resolve(),
  };
}

/** Keys from a welcome or a renewal. Without a good signature the old ones stay. */
export function takeIntentKeys(trust: Trust, statement: string, log: Log): Promise<void> {
  trust.settled = trust.settled.then(() => replaceIntentKeys(trust, statement, log));
  return trust.settled;
}

async function replaceIntentKeys(trust: Trust, statement: string, log: Log): Promise<void> {
  if (statement === trust.statement) return;
  try {
    trust.intentKeys = await readIntentKeys(statement, trust.identity);
    trust.statement = statement;
  } catch (cause) {
    log.error({ reason: (cause as Error).message }, 'New intent keys were not taken; the old ones stay.');
  }
}

/** A renewed identity: the sealing keys it brings, and still those that it had. */
export async function takeIdentity(trust: Trust, identity: StoredIdentity, log: Log): Promise<void> {
  trust.identity = identity;
  trust.sealingKeys = await importSealingKeys(identity.sealing_keys);
  await takeIntentKeys(trust, identity.intent_keys, log);
}

export function verifyContext(trust: Trust, now: number): VerifyContext {
  const { identity, intentKeys, registry, sealingKeys, skewMs } = trust;
  return {
    agent: identity.agent,
    organization: identity.organization,
    project: identity.project,
    intentKeys,
    openKey: (kid) => sealingKeys.get(kid) ?? null,
    settings: registry.settings,
    find: (group, operation) => registry.find(group, operation),
    now,
    skewMs,
  };
}
