// The first start: organization and project `default` with their owner, and the token that is printed once. And the
// way back for an owner who has lost every token.
import { randomUUIDv7 } from 'node:crypto';
import { Failure } from '../../protocol/failures.ts';
import { recoveredTokenMs } from '../../protocol/limits.ts';
import { insertBinding, insertToken, noTokenYet } from '../authority/binding-store.ts';
import type { AuditEntry, AuditTrail } from '../authority/change.ts';
import { ownersOf } from '../authority/owners.ts';
import type { Policy, PrincipalRecord } from '../authority/policy.ts';
import { bumpPolicy, readPolicy } from '../authority/store.ts';
import { mintToken } from '../authority/token.ts';
import { newPrincipal } from '../principals/create.ts';
import { newProject } from '../projects/create.ts';
import { GuardFailed } from '../store/store.ts';
import type { Step, Store } from '../store/store.ts';
import { insertOrganization, selectOrganizations } from './store.ts';

interface Deps {
  readonly store: Store;
  readonly audit: AuditTrail;
}

const ownerName = 'owner';

/** True where the store has never been initialized. */
export async function isEmpty(store: Store): Promise<boolean> {
  return (await store.read(selectOrganizations(store))).length === 0;
}

/** Both steps at once; answers the first owner's token. */
export async function initialize(deps: Deps): Promise<string> {
  await createOrganization(deps);
  const token = await issueFirstToken(deps);
  if (token === null) throw new Error('a store that was empty has a token');
  return token;
}

/** Of several processes that start on an empty store, one makes the organization and the others find it made. */
export async function ensureOrganization(deps: Deps): Promise<void> {
  if (!(await isEmpty(deps.store))) return;
  try {
    await createOrganization(deps);
  } catch (cause) {
    if (await isEmpty(deps.store)) throw cause;
  }
}

/** The organization has to be there before the audit can chain to it, so `audit` is asked only afterwards. */
export async function createOrganization({ store, audit }: Deps): Promise<void> {
  const organization = randomUUIDv7();
  const owner = { id: randomUUIDv7(), name: ownerName, kind: 'user' } as const;
  await store.write([
    insertOrganization(store, { id: organization, name: 'default' }),
    newProject(store, { id: randomUUIDv7(), organization, folder: null, name: 'default', description: '' }),
    newPrincipal(store, { ...owner, organization }),
    insertBinding(store, {
      id: randomUUIDv7(),
      organization,
      principal: owner.id,
      role: 'owner',
    }),
    audit.step({
      ...entryOf(organization, owner),
      operation: 'organization.create',
      resource: `organizations/${organization}`,
      details: { after: { name: 'default', owner: owner.name } },
    }),
  ]);
}

/**
 * The first owner's token, where there has never been any; else null. A step of its own, taken only when all
 * listeners are open: a first start that fails in between would have made a token that nobody ever sees.
 */
export async function issueFirstToken(
  deps: Deps,
  /** What belongs into the same unit, for instance the link by which the owner sets a password. */
  alongside: (owner: PrincipalRecord) => readonly Step[] = () => [],
): Promise<string | null> {
  const policy = await readPolicy(deps.store);
  const owner = [...policy.principals.values()].find(({ name }) => name === ownerName);
  if (owner === undefined) return null;
  try {
    return await issueTo(deps, policy, {
      owner,
      name: 'first owner token',
      expiresAt: null,
      guards: [noTokenYet(deps.store), ...alongside(owner)],
    });
  } catch (error) {
    if (error instanceof GuardFailed) return null;
    throw error;
  }
}

/**
 * A token of an owner of the organization, for whoever holds the data folder and no token any more. It ends soon:
 * long enough to sign in and to issue another. Throws `conflict` where no owner is enabled.
 */
export async function recoverOwner(
  deps: Deps & { readonly clock: { now(): number } },
): Promise<{ readonly owner: string; readonly token: string; readonly expiresAt: number }> {
  const policy = await readPolicy(deps.store);
  const [owner] = ownersOf(policy);
  if (owner === undefined) throw new Failure('conflict', 'The organization has no owner that is enabled.');
  const expiresAt = deps.clock.now() + recoveredTokenMs;
  const name = 'recovered owner token';
  const token = await issueTo(deps, policy, { owner, name, expiresAt, guards: [] });
  return { owner: owner.name, token, expiresAt };
}

async function issueTo(
  { store, audit }: Deps,
  policy: Policy,
  issued: {
    readonly owner: PrincipalRecord;
    readonly name: string;
    readonly expiresAt: number | null;
    readonly guards: readonly Step[];
  },
): Promise<string> {
  const { owner, name, expiresAt: expires_at, guards } = issued;
  const { organization } = owner;
  const { token, hash } = mintToken();
  const id = randomUUIDv7();
  const row = { id, organization, principal: owner.id, name, hash, permissions: null, expires_at };
  await store.write([
    ...guards,
    insertToken(store, row),
    bumpPolicy(store, policy),
    audit.step({
      ...entryOf(organization, owner),
      operation: 'token.create',
      resource: `tokens/${id}`,
      details: { after: { principal: owner.name, name, permissions: null, expires_at } },
    }),
  ]);
  return token;
}

function entryOf(
  organization: string,
  { id, name, kind }: { readonly id: string; readonly name: string; readonly kind: PrincipalRecord['kind'] },
): Omit<AuditEntry, 'operation' | 'resource' | 'details'> {
  return {
    organization,
    principal: { id, name, kind },
    permission: null,
    result: 'allowed',
    decision: null,
    request: {},
  };
}
