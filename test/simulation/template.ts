// What every simulated world begins with: a database with an organization, a group, actions and agents, and the keys
// and certificates that go with them. Made once for each process, because it costs more than a whole simulation.
import { generateKeyPairSync, webcrypto } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import type { JWK } from 'jose';
import { loadRegistry } from '../../agent/load.ts';
import type { Registry } from '../../agent/load.ts';
import { insertAction } from '../../control-plane/actions/store.ts';
import { insertAgent } from '../../control-plane/agents/store.ts';
import { openTrail } from '../../control-plane/audit/trail.ts';
import { openAuthority } from '../../control-plane/authority/authority.ts';
import { insertGroup } from '../../control-plane/groups/store.ts';
import { initialize } from '../../control-plane/organizations/initialize.ts';
import { issueAgentCertificate } from '../../control-plane/pki/issue-leaf.ts';
import { insertLeaf } from '../../control-plane/pki/leaf-store.ts';
import { openPki } from '../../control-plane/pki/open-pki.ts';
import type { Pki } from '../../control-plane/pki/open-pki.ts';
import type { PeerCertificate } from '../../control-plane/pki/peer-certificate.ts';
import { intentKeyOf } from '../../control-plane/runs/intent-key.ts';
import type { PressedAction } from '../../control-plane/runs/request.ts';
import { openKeyring } from '../../control-plane/secrets/keyring.ts';
import { openSecrets } from '../../control-plane/secrets/secrets.ts';
import type { Secrets } from '../../control-plane/secrets/secrets.ts';
import { databasePath } from '../../control-plane/store/sqlite/data-folder.ts';
import { openSqliteStore } from '../../control-plane/store/sqlite.ts';
import type { Store } from '../../control-plane/store/store.ts';
import type { IntentKey } from '../../protocol/intent.ts';
import { agentFile } from './operations.ts';

/** When simulations begin, epoch ms. */
export const beginning = 1_800_000_000_000;

export interface TemplateAgent {
  readonly id: string;
  readonly name: string;
  readonly certificate: PeerCertificate;
  readonly chain: string;
}

export interface Template {
  /** A whole SQLite database. */
  readonly database: Uint8Array;
  readonly incarnation: string;
  readonly trustDomain: string;
  readonly token: string;
  readonly organization: string;
  readonly project: string;
  readonly agents: readonly TemplateAgent[];
  readonly actions: readonly PressedAction[];
  readonly secrets: Secrets;
  readonly pki: Pki;
  readonly intentKey: IntentKey;
  readonly intentKeys: readonly JWK[];
  /** What all agents have loaded. */
  readonly registry: Registry;
}

const id = (number: number): string => `0197a0c0-0000-7000-8000-${String(number).padStart(12, '0')}`;
const clock = { now: () => beginning };
export const agentNames = ['north', 'south', 'east'] as const;

let made: Promise<Template> | null = null;

export function template(): Promise<Template> {
  made ??= makeTemplate();
  return made;
}

async function makeTemplate(): Promise<Template> {
  rememberImportedKeys();
  const folder = mkdtempSync(join(tmpdir(), 'wayside-simulation-'));
  try {
    const store = await openSqliteStore({ dataFolder: folder, clock: clock.now });
    const keyring = await openKeyring({ path: join(folder, 'keyring.json'), clock });
    const secrets = await openSecrets(store, keyring);
    const token = await initialize({ store, audit: openTrail({ store, mac: secrets.auditMac, clock }) });
    const pki = await openPki({
      store,
      keys: secrets.signingKeys,
      clock,
      rotations: { record: () => [], done: () => undefined },
    });
    const things = await fill(store, pki);
    const signing = pki.intentKey();
    const { incarnation, trustDomain } = store;
    await store.close();
    const database = new DatabaseSync(databasePath(folder));
    database.exec('pragma journal_mode = delete');
    const bytes = database.serialize();
    database.close();
    return {
      ...things,
      ...{ database: bytes, incarnation, trustDomain, token, secrets, pki },
      intentKey: intentKeyOf(signing),
      intentKeys: [signing.publicJwk],
      registry: registryOf(),
    };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function registryOf(): Registry {
  const { registry, diagnostics } = loadRegistry([{ name: 'agent.hcl', text: agentFile }], {
    overrides: (settings) => settings,
    compatibility: false,
  });
  if (registry === null) throw new Error(diagnostics.map(({ summary }) => summary).join('; '));
  return registry;
}

async function fill(store: Store, pki: Pki) {
  const policy = (await openAuthority(store, clock)).policy();
  const organization = policy.organization.id;
  const [project = ''] = policy.projects.keys();
  const group = id(1);
  await store.write([
    insertGroup(store, { id: group, project, name: 'main', description: '', production: 0, pinned: 0 }),
  ]);
  const actions: PressedAction[] = [];
  for (const { name } of registryOf().actions) {
    const action = {
      ...{ id: id(100 + actions.length), project, name, group_id: group, operation: name, priority: 0 },
      expires_in_ms: 3_600_000,
    };
    await store.write([insertAction(store, { ...action, description: '' })]);
    actions.push(action);
  }
  const agents: TemplateAgent[] = [];
  for (const name of agentNames) {
    agents.push(await enrol(store, pki, { id: id(200 + agents.length), name, organization, project, group }));
  }
  return { organization, project, actions, agents };
}

async function enrol(
  store: Store,
  pki: Pki,
  agent: {
    readonly id: string;
    readonly name: string;
    readonly organization: string;
    readonly project: string;
    readonly group: string;
  },
): Promise<TemplateAgent> {
  const { organization, project, name, group } = agent;
  const pair = await webcrypto.subtle.generateKey({ name: 'ECDSA', namedCurve: 'P-256' }, true, [
    'sign',
    'verify',
  ]);
  const leaf = await issueAgentCertificate(pki.authorities(), {
    publicKey: pair.publicKey,
    identity: { organization, project, agent: agent.id },
    generation: 1,
    now: beginning,
    role: pki.role('agent') ?? undefined,
  } as Parameters<typeof issueAgentCertificate>[1]);
  const { publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  await store.write([
    ...insertAgent(store, {
      ...{ id: agent.id, organization, project, name, status: 'active' },
      key_fingerprint: leaf.fingerprint,
      sealing_key: JSON.stringify({ ...publicKey.export({ format: 'jwk' }), kid: name }),
      certificate_serial: leaf.serial,
      certificate_not_after: leaf.notAfter,
      groups: [group],
    }),
    ...insertLeaf(store, {
      ...{ serial: leaf.serial, authority: leaf.authority, role: 'agent', subject: agent.id },
      ...{ generation: 1, issued_to: name, not_after: leaf.notAfter },
    }),
  ]);
  const { serial, fingerprint, notAfter, chain } = leaf;
  const certificate = { serial, fingerprint, notAfter, notBefore: beginning, generation: 1 };
  return { id: agent.id, name, certificate, chain };
}

/**
 * WebCrypto imports keys in another thread, whose answer comes when it likes: the only such wait that is left in the
 * path of a run. A key that was imported once comes back at once, so that nothing depends on threads.
 */
function rememberImportedKeys(): void {
  const { subtle } = globalThis.crypto;
  const real = subtle.importKey.bind(subtle) as (...given: unknown[]) => Promise<unknown>;
  const known = new Map<string, unknown>();
  const importKey = async (...given: unknown[]): Promise<unknown> => {
    const name = JSON.stringify(given);
    if (!known.has(name)) known.set(name, await real(...given));
    return known.get(name);
  };
  Object.defineProperty(subtle, 'importKey', { value: importKey, configurable: true });
}
