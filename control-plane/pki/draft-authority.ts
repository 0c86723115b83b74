// Makes a new authority: its key, its name, its certificate by the authority above it, and the steps that store it.
import { randomUUIDv7, X509Certificate } from 'node:crypto';
import type { SigningKeys } from '../secrets/signing-keys.ts';
import type { Step, Store } from '../store/store.ts';
import { insertAuthority, selectAuthorities } from './authority-store.ts';
import type { CertificationAuthority, SigningAuthority } from './authorities.ts';
import { certify, notAfterOf } from './certify.ts';
import { crossPathLength, extensionsOf, profiles, subjectOf } from './profiles.ts';
import type { Level } from './profiles.ts';

export interface DraftDeps {
  readonly store: Store;
  readonly keys: SigningKeys;
  /** Epoch ms. */
  readonly now: number;
}

export interface DraftedAuthority {
  readonly authority: SigningAuthority;
  readonly steps: readonly Step[];
}

/** `parent` is null for a root. A root that has a predecessor gets its cross certificate from it. */
export async function draftAuthority(
  deps: DraftDeps,
  draft: {
    readonly level: Level;
    readonly state: 'next' | 'active';
    readonly parent: SigningAuthority | null;
    readonly predecessor?: SigningAuthority;
  },
): Promise<DraftedAuthority> {
  const { store, keys, now } = deps;
  const { level, state, parent, predecessor } = draft;
  const key = await keys.draft(`ca_${level}`);
  const name = await nextName(store, level);
  const { trustDomain } = store;
  const common = { subject: subjectOf(level, { name, trustDomain }), publicKey: key.publicKey, now };
  const pem = await certify({
    ...common,
    issuer: parent,
    signingKey: key.privateKey,
    lifeMs: profiles[level].lifeMs,
    extensions: extensionsOf(level, { trustDomain }),
  });
  const certificate = new X509Certificate(pem);
  const cross =
    predecessor === undefined
      ? null
      : await certify({
          ...common,
          issuer: predecessor,
          lifeMs: profiles.root.lifeMs,
          extensions: extensionsOf('root', { trustDomain, pathLength: crossPathLength }),
        });
  const id = randomUUIDv7();
  const row = { id, level, state, name, kid: key.kid, parent: parent?.id ?? null };
  return {
    authority: {
      ...row,
      certificate,
      pem,
      cross,
      publicKey: key.publicKey,
      privateKey: key.privateKey,
      storedList: null,
      retiredAt: null,
      renewsAgents: true,
    },
    steps: [
      key.step,
      insertAuthority(store, {
        ...row,
        certificate: pem,
        cross_certificate: cross,
        not_after: notAfterOf(certificate),
      }),
    ],
  };
}

/** Counted by level; two that are made at once meet at the unique name. */
export async function nextName(store: Store, level: Level): Promise<string> {
  const rows = await store.read(selectAuthorities(store));
  const { prefix } = profiles[level];
  const numbers = rows
    .filter((row) => row.level === level)
    .map((row) => Number(row.name.slice(prefix.length + 1)));
  return `${prefix}-${Math.max(0, ...numbers) + 1}`;
}

/** Whether this one waits to take the place of the active one of its level. */
export function isNextUnder(authority: CertificationAuthority, level: Level, parent: string | null): boolean {
  return authority.level === level && authority.state === 'next' && authority.parent === parent;
}
