// The authorities, roles and intent keys of a running control plane: opened at start, looked at again while it runs, so
// that a rotation anywhere arrives everywhere.
import { X509Certificate } from 'node:crypto';
import { stringifyJson } from '../../protocol/json.ts';
import { pkiExpiryLookMs } from '../../protocol/limits.ts';
import type { SigningKey, SigningKeys } from '../secrets/signing-keys.ts';
import type { Store } from '../store/store.ts';
import { selectAuthorities, selectSigns } from './authority-store.ts';
import type { Authorities } from './authorities.ts';
import { builtInRoles } from './built-in-roles.ts';
import { isIssuedBy } from './certify.ts';
import { ensureAuthorities } from './ensure-authorities.ts';
import { ensureIntentKey, signIntentKeys } from './intent-keys.ts';
import { insertRoleUnlessThere, roleOf, selectRoles } from './role-store.ts';
import type { RotationWitness } from './record-rotation.ts';
import type { Role } from './roles.ts';

export interface PkiOptions {
  readonly store: Store;
  readonly keys: SigningKeys;
  readonly clock: { now(): number };
  /** Told of authorities that are replaced because they end. */
  readonly rotations: RotationWitness;
}

export interface Pki {
  authorities(): Authorities;
  roles(): readonly Role[];
  role(name: string): Role | null;
  /** Signs intents now. */
  intentKey(): SigningKey;
  /** The JWS over the keys that verify intents, for `identity.intent_keys` and `welcome.intent_keys`. */
  intentKeys(): string;
  /** Every data-plane CA that there ever was, to check a certificate that is older than the present one. */
  formerDataPlanes(): Promise<readonly X509Certificate[]>;
  /**
   * The data-plane CA that signed this certificate, by its id; null where none that counts did. TLS has checked the
   * chain up to a root; this is what retiring an authority below it rests on.
   */
  issuerOf(certificate: X509Certificate): Promise<string | null>;
  /** Whether what this authority issued still counts. */
  isAccepted(authority: string): boolean;
  /** After a rotation, and once a day: renews authorities that run out, and takes what other replicas made. */
  refresh(): Promise<void>;
  /** The same where the store has something new, or authorities have not been looked at for a while. */
  refreshIfChanged(): Promise<void>;
  /** Told after each refresh that changed something. */
  onChange(listener: () => void): void;
}

interface Held {
  readonly authorities: Authorities;
  readonly roles: ReadonlyMap<string, Role>;
  readonly intentKey: SigningKey;
  readonly intentKeys: string;
  readonly signs: string;
  readonly at: number;
}

/** Makes what is missing. Throws `envelope_rejected` or `keyring_unusable`. */
export async function openPki(options: PkiOptions): Promise<Pki> {
  const { store, clock } = options;
  let held = await open(options);
  let turn: Promise<void> = Promise.resolve();
  const listeners: (() => void)[] = [];
  const refresh = (): Promise<void> => {
    // One after the other: what was opened last is what was stored last.
    turn = turn
      .catch(() => undefined)
      .then(async () => {
        const before = held.signs;
        held = await open(options);
        if (held.signs !== before) for (const listener of listeners) listener();
      });
    return turn;
  };
  const refreshIfChanged = async (): Promise<void> => {
    const isOld = clock.now() - held.at > pkiExpiryLookMs;
    if (isOld || (await readSigns(store)) !== held.signs) await refresh();
  };
  const known = (certificate: X509Certificate): string | null =>
    held.authorities.all.find(
      (authority) => authority.level === 'data_plane' && isIssuedBy(certificate, authority.certificate),
    )?.id ?? null;
  return {
    authorities: () => held.authorities,
    roles: () => [...held.roles.values()],
    role: (name) => held.roles.get(name) ?? null,
    intentKey: () => held.intentKey,
    intentKeys: () => held.intentKeys,
    async formerDataPlanes() {
      const rows = await store.read(selectAuthorities(store));
      return rows.flatMap(({ certificate, level }) =>
        level === 'data_plane' && certificate !== null ? [new X509Certificate(certificate)] : [],
      );
    },
    async issuerOf(certificate) {
      const issuer = known(certificate);
      if (issuer !== null) return issuer;
      // Another process may have rotated a moment ago.
      await refreshIfChanged();
      return known(certificate);
    },
    isAccepted: (authority) => held.authorities.all.some(({ id }) => id === authority),
    refresh,
    refreshIfChanged,
    onChange: (listener) => listeners.push(listener),
  };
}

async function open({ store, keys, clock, rotations }: PkiOptions): Promise<Held> {
  for (;;) {
    const now = clock.now();
    const before = await readSigns(store);
    const authorities = await ensureAuthorities({ store, keys, now, rotations });
    const intentKey = await ensureIntentKey(keys);
    const intentKeys = await signIntentKeys(authorities, keys);
    const roles = await openRoles(store);
    const signs = await readSigns(store);
    // What was made or changed in between, by this process or another, is looked at again.
    if (signs === before) return { authorities, roles, intentKey, intentKeys, signs, at: now };
  }
}

async function openRoles(store: Store): Promise<ReadonlyMap<string, Role>> {
  const read = async () => (await store.read(selectRoles(store))).map(roleOf);
  let found = await read();
  const missing = builtInRoles.filter((role) => !found.some(({ name }) => name === role.name));
  if (missing.length > 0) {
    await store.write(missing.map((role) => insertRoleUnlessThere(store, role)));
    found = await read();
  }
  return new Map(found.map((role) => [role.name, role]));
}

async function readSigns(store: Store): Promise<string> {
  return stringifyJson(await store.snapshot(selectSigns(store)));
}
