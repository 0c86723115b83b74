// The first start: organization and project `default`, their owner, and the token that is printed once.
import { randomUUIDv7 } from 'node:crypto';
import { insertBinding, insertToken } from '../authority/binding-store.ts';
import type { AuditTrail } from '../authority/change.ts';
import { mintToken } from '../authority/token.ts';
import { newPrincipal } from '../principals/create.ts';
import { newProject } from '../projects/create.ts';
import type { Step, Store } from '../store/store.ts';
import { insertOrganization, selectOrganizations } from './store.ts';

/** True where the store has never been initialized. */
export async function isEmpty(store: Store): Promise<boolean> {
  return (await store.read(selectOrganizations(store))).length === 0;
}

/** The organization has to be there before the audit can chain to it, so `audit` is asked only afterwards. */
export async function initialize(deps: {
  readonly store: Store;
  readonly audit: AuditTrail;
}): Promise<string> {
  const { store, audit } = deps;
  const organization = randomUUIDv7();
  const owner = { id: randomUUIDv7(), name: 'owner', kind: 'user' } as const;
  const { token, hash } = mintToken();
  const steps: Step[] = [
    insertOrganization(store, { id: organization, name: 'default' }),
    newProject(store, { id: randomUUIDv7(), organization, name: 'default', description: '' }),
    newPrincipal(store, { ...owner, organization }),
    insertBinding(store, {
      id: randomUUIDv7(),
      organization,
      project: null,
      principal: owner.id,
      role: 'owner',
    }),
    insertToken(store, {
      id: randomUUIDv7(),
      organization,
      principal: owner.id,
      name: 'first owner token',
      hash,
      permissions: null,
      expires_at: null,
    }),
    audit.step({
      organization,
      principal: owner,
      operation: 'organization.create',
      permission: null,
      resource: `organizations/${organization}`,
      result: 'allowed',
      decision: null,
      details: { after: { name: 'default', owner: owner.name } },
      request: {},
    }),
  ];
  await store.write(steps);
  return token;
}
