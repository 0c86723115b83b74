// The SQL of tokens and bindings.
import type { CompiledQuery } from 'kysely';
import type { RoleName } from '../../protocol/api/authority.ts';
import { nowMs } from '../store/dialect.ts';
import type { BindingsTable, TokensTable } from '../store/schema.ts';
import type { Step, Store } from '../store/store.ts';

export interface BindingRow extends BindingsTable {
  principal_name: string;
}

export function selectBindings(
  store: Store,
  page: {
    readonly organization: string;
    /** Only those of this project; null for all. */
    readonly project: string | null;
    readonly after: string | null;
    readonly limit: number;
  },
): CompiledQuery<BindingRow> {
  let query = store.db
    .selectFrom('bindings')
    .innerJoin('principals', 'principals.id', 'bindings.principal')
    .selectAll('bindings')
    .select('principals.name as principal_name')
    .where('bindings.organization', '=', page.organization);
  if (page.project !== null) query = query.where('bindings.project', '=', page.project);
  if (page.after !== null) query = query.where('bindings.id', '<', page.after);
  return query
    .orderBy('bindings.id', 'desc')
    .limit(page.limit + 1)
    .compile();
}

export function selectBinding(store: Store, id: string): CompiledQuery<BindingRow> {
  return store.db
    .selectFrom('bindings')
    .innerJoin('principals', 'principals.id', 'bindings.principal')
    .selectAll('bindings')
    .select('principals.name as principal_name')
    .where('bindings.id', '=', id)
    .compile();
}

export function insertBinding(
  store: Store,
  binding: {
    readonly id: string;
    readonly organization: string;
    readonly project: string | null;
    readonly principal: string;
    readonly role: RoleName;
  },
): Step {
  return {
    query: store.db
      .insertInto('bindings')
      .values({ ...binding, created_at: nowMs(store.engine) })
      .compile(),
  };
}

export function deleteBinding(store: Store, id: string): Step {
  return {
    query: store.db.deleteFrom('bindings').where('id', '=', id).compile(),
    guard: { name: 'binding', exactly: 1 },
  };
}

/** Fails where no enabled owner of the organization is left; comes after the statement that removes one. */
export function ownerRemains(store: Store, organization: string): Step {
  return {
    query: store.db
      .selectFrom('bindings')
      .innerJoin('principals', 'principals.id', 'bindings.principal')
      .select('bindings.id')
      .where('bindings.organization', '=', organization)
      .where('bindings.project', 'is', null)
      .where('bindings.role', '=', 'owner')
      .where('principals.disabled_at', 'is', null)
      .limit(1)
      .compile(),
    guard: { name: 'last_owner', exactly: 1 },
  };
}

export function selectTokens(
  store: Store,
  page: { readonly principal: string; readonly after: string | null; readonly limit: number },
): CompiledQuery<TokensTable> {
  let query = store.db.selectFrom('tokens').selectAll().where('principal', '=', page.principal);
  if (page.after !== null) query = query.where('id', '<', page.after);
  return query
    .orderBy('id', 'desc')
    .limit(page.limit + 1)
    .compile();
}

export function selectToken(store: Store, id: string): CompiledQuery<TokensTable> {
  return store.db.selectFrom('tokens').selectAll().where('id', '=', id).compile();
}

export function insertToken(
  store: Store,
  token: {
    readonly id: string;
    readonly organization: string;
    readonly principal: string;
    readonly name: string;
    readonly hash: string;
    readonly permissions: readonly string[] | null;
    readonly expires_at: number | null;
  },
): Step {
  return {
    query: store.db
      .insertInto('tokens')
      .values({
        ...token,
        permissions: token.permissions === null ? null : token.permissions.join(' '),
        created_at: nowMs(store.engine),
        last_used_at: null,
        revoked_at: null,
      })
      .compile(),
  };
}

/** Fails where any token was ever made. */
export function noTokenYet(store: Store): Step {
  return {
    query: store.db.selectFrom('tokens').select('id').limit(1).compile(),
    guard: { name: 'no_token_yet', exactly: 0 },
  };
}

export function revokeToken(store: Store, id: string): Step {
  return {
    query: store.db
      .updateTable('tokens')
      .set({ revoked_at: nowMs(store.engine) })
      .where('id', '=', id)
      .where('revoked_at', 'is', null)
      .compile(),
  };
}
