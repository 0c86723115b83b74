// What verification is measured against and what changes while the agent lives: identity, keys, clock difference,
// definitions. One object, so that every offer sees one state of it.
import { lookup } from 'node:dns/promises';
import type { CryptoKey, JWK } from 'jose';
import type { TrustAnchors } from '../protocol/api/enrollment.ts';
import { certificatePin, readCertificates, rewriteIdentity } from './identity.ts';
import type { StoredIdentity } from './identity.ts';
import { importSealingKeys, readIntentKeys } from './intent-keys.ts';
import type { Registry } from './load.ts';
import type { Log } from './log.ts';
import { nextAnchors } from './trust-anchors.ts';
import type { VerifyContext } from './verify.ts';

export interface Trust {
  identity: StoredIdentity;
  intentKeys: readonly JWK[];
  sealingKeys: ReadonlyMap<string, CryptoKey>;
  /** The server's clock minus this one, in ms; null before the first welcome. */
  skewMs: number | null;
  registry: Registry;
  /** `host:port` of the control plane's listeners, by name, and by the addresses that they had at the last welcome. */
  deniedTargets: readonly string[];
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
    deniedTargets: hostsOf(identity),
    statement: identity.intent_keys,
    settled: Promise.resolve(),
  };
}

function hostsOf(identity: StoredIdentity): readonly string[] {
  return [identity.agent_url, identity.enroll_url].map((text) => {
    const { hostname, port } = new URL(text);
    return `${hostname}:${port || '443'}`;
  });
}

/** A name may stand for several addresses, and an operation may name one of them. */
export async function resolveControlPlane(trust: Trust): Promise<void> {
  const resolved = await Promise.all(
    [trust.identity.agent_url, trust.identity.enroll_url].map(async (text) => {
      const { hostname, port } = new URL(text);
      const found = await lookup(hostname.replace(/^\[|\]$/g, ''), { all: true }).catch(() => []);
      return found.map(
        ({ address, family }) => `${family === 6 ? `[${address}]` : address}:${port || '443'}`,
      );
    }),
  );
  trust.deniedTargets = [...new Set([...hostsOf(trust.identity), ...resolved.flat()])];
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

/**
 * Roots from a welcome. What a root that is trusted has signed is kept on the disk; anything else changes nothing. A
 * connection that is open stays.
 */
export function takeTrustAnchors(
  trust: Trust,
  offered: TrustAnchors,
  { stateFolder, now, log }: { readonly stateFolder: string; readonly now: number; readonly log: Log },
): void {
  if (offered.length === 0) return;
  const root = nextAnchors(trust.identity.root, offered, now);
  if (root === null) {
    log.error('The control plane offers a root that ours has not signed; the roots that are trusted stay.');
    return;
  }
  if (root === trust.identity.root) return;
  const identity = { ...trust.identity, root };
  try {
    rewriteIdentity(stateFolder, identity);
  } catch (cause) {
    log.error({ reason: (cause as Error).message }, 'New roots could not be written; the old ones stay.');
    return;
  }
  trust.identity = identity;
  log.info({ roots: readCertificates(root).map(certificatePin) }, 'The trusted roots have changed.');
}

/** A renewed identity: the sealing keys it brings, and still those that it had. */
export async function takeIdentity(trust: Trust, identity: StoredIdentity, log: Log): Promise<void> {
  trust.identity = identity;
  trust.sealingKeys = await importSealingKeys(identity.sealing_keys);
  await takeIntentKeys(trust, identity.intent_keys, log);
}

export function verifyContext(trust: Trust, now: number): VerifyContext {
  const { deniedTargets, identity, intentKeys, registry, sealingKeys, skewMs } = trust;
  return {
    agent: identity.agent,
    organization: identity.organization,
    project: identity.project,
    intentKeys,
    openKey: (kid) => sealingKeys.get(kid) ?? null,
    settings: registry.settings,
    deniedTargets,
    find: (group, operation) => registry.find(group, operation),
    now,
    skewMs,
  };
}
