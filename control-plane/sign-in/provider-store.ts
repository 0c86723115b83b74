// The SQL of identity providers, and of who of them is which principal.
import type { CompiledQuery } from 'kysely';
import { step } from '../store/step.ts';
import type { Step, Store } from '../store/store.ts';
import type { IdentityLinksTable, IdentityProvidersTable } from '../store/tables-sign-in.ts';

export function selectProviders(
  store: Store,
  page: { readonly organization: string; readonly after: string | null; readonly limit: number },
): CompiledQuery<IdentityProvidersTable> {
  let query = store.db
    .selectFrom('identity_providers')
    .selectAll()
    .where('organization', '=', page.organization);
  if (page.after !== null) query = query.where('id', '<', page.after);
  return query
    .orderBy('id', 'desc')
    .limit(page.limit + 1)
    .compile();
}

/** By id or name; null where there is none. */
export async function findProvider(store: Store, reference: string): Promise<IdentityProvidersTable | null> {
  const query = store.db
    .selectFrom('identity_providers')
    .selectAll()
    .where((e) => e.or([e('id', '=', reference), e('name', '=', reference)]));
  const rows = await store.read(query.compile());
  return rows.find(({ id }) => id === reference) ?? rows[0] ?? null;
}

/** Those with which somebody may sign in, by name. */
export async function enabledProviders(store: Store): Promise<readonly { readonly name: string }[]> {
  return store.read(
    store.db
      .selectFrom('identity_providers')
      .select('name')
      .where('enabled', '=', 1)
      .orderBy('name')
      .limit(20)
      .compile(),
  );
}

/** Those of them that know a principal. */
export async function providersOf(
  store: Store,
  principal: string,
): Promise<readonly { readonly name: string }[]> {
  return store.read(
    store.db
      .selectFrom('identity_providers')
      .innerJoin('identity_links', 'identity_links.provider', 'identity_providers.id')
      .select('identity_providers.name')
      .distinct()
      .where('enabled', '=', 1)
      .where('identity_links.principal', '=', principal)
      .orderBy('identity_providers.name')
      .compile(),
  );
}

export async function linksOf(
  store: Store,
  principal: string,
): Promise<readonly { readonly provider: string; readonly name: string }[]> {
  return store.read(
    store.db
      .selectFrom('identity_links')
      .innerJoin('identity_providers', 'identity_providers.id', 'identity_links.provider')
      .select(['identity_providers.name as provider', 'identity_links.name'])
      .where('identity_links.principal', '=', principal)
      .orderBy('identity_providers.name')
      .compile(),
  );
}

export function insertProvider(store: Store, row: IdentityProvidersTable): Step {
  return step(store.db.insertInto('identity_providers').values(row));
}

/** Fails where it has changed since `revision`. */
export function updateProvider(
  store: Store,
  provider: { readonly id: string; readonly revision: number },
  set: Partial<Omit<IdentityProvidersTable, 'id' | 'revision'>>,
): Step {
  const query = store.db
    .updateTable('identity_providers')
    .set({ ...set, revision: provider.revision + 1 })
    .where('id', '=', provider.id)
    .where('revision', '=', provider.revision);
  return step(query, { name: 'revision', exactly: 1 });
}

/** Its links go with it. */
export function deleteProvider(
  store: Store,
  provider: { readonly id: string; readonly revision: number },
): Step {
  const query = store.db
    .deleteFrom('identity_providers')
    .where('id', '=', provider.id)
    .where('revision', '=', provider.revision);
  return step(query, { name: 'revision', exactly: 1 });
}

export function selectLink(
  store: Store,
  link: Pick<IdentityLinksTable, 'provider' | 'subject'>,
): CompiledQuery<IdentityLinksTable> {
  return store.db
    .selectFrom('identity_links')
    .selectAll()
    .where('provider', '=', link.provider)
    .where('subject', '=', link.subject)
    .compile();
}

export function insertLink(store: Store, row: IdentityLinksTable): Step {
  return step(store.db.insertInto('identity_links').values(row));
}

export function useLinkOf(
  store: Store,
  link: Pick<IdentityLinksTable, 'provider' | 'subject' | 'name' | 'last_used_at'>,
): Step {
  const { provider, subject, name, last_used_at } = link;
  const query = store.db
    .updateTable('identity_links')
    .set({ name, last_used_at })
    .where('provider', '=', provider)
    .where('subject', '=', subject);
  return step(query, { name: 'identity_link', exactly: 1 });
}

/** Teams that a provider has put a principal into; people put them into others. */
export function selectProvidedTeams(
  store: Store,
  of: { readonly principal: string; readonly source: string },
): CompiledQuery<{ team: string }> {
  return store.db
    .selectFrom('team_members')
    .select('team')
    .where('member', '=', of.principal)
    .where('source', '=', of.source)
    .compile();
}

/** Nothing where a person has put them into it already. */
export function joinTeam(
  store: Store,
  membership: {
    readonly team: string;
    readonly member: string;
    readonly source: string;
    readonly added_at: number;
  },
): Step {
  return step(
    store.db
      .insertInto('team_members')
      .values(membership)
      .onConflict((conflict) => conflict.doNothing()),
  );
}

export function leaveTeam(
  store: Store,
  membership: { readonly team: string; readonly member: string; readonly source: string },
): Step {
  return step(
    store.db
      .deleteFrom('team_members')
      .where('team', '=', membership.team)
      .where('member', '=', membership.member)
      .where('source', '=', membership.source),
  );
}
