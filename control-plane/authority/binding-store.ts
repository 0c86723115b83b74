// The SQL of tokens and bindings.
import type { CompiledQuery } from 'kysely';
import { nowMs } from '../store/dialect.ts';
import type { TokensTable } from '../store/schema.ts';
import type { BindingsTable } from '../store/tables-authority.ts';
import type { Step, Store } from '../store/store.ts';
import { levelColumns } from './level.ts';
import type { BindingRecord } from './policy.ts';

export interface BindingRow extends BindingsTable {
  principal_name: string;
}

function bindingRows(store: Store) {
  return store.db
    .selectFrom('bindings')
    .innerJoin('principals', 'principals.id', 'bindings.principal')
    .selectAll('bindings')
    .select('principals.name as principal_name');
}

export function selectBindings(
  store: Store,
  page: {
    readonly organization: string;
    /** Only those of this level; null for all. */
    readonly level: string | null;
    /** Also those of things in the level. */
    readonly inside?: boolean;
    readonly principal: string | null;
    readonly after: string | null;
    readonly limit: number;
  },
): CompiledQuery<BindingRow> {
  const { level } = page;
  let query = bindingRows(store).where('bindings.organization', '=', page.organization);
  if (level !== null && page.inside === true) {
    query = query.where((e) =>
      e.or([e('bindings.level', '=', level), e('bindings.level', 'like', `${level}/%`)]),
    );
  } else if (level !== null) query = query.where('bindings.level', '=', level);
  if (page.principal !== null) query = query.where('bindings.principal', '=', page.principal);
  if (page.after !== null) query = query.where('bindings.id', '<', page.after);
  return query
    .orderBy('bindings.id', 'desc')
    .limit(page.limit + 1)
    .compile();
}

export function selectBinding(store: Store, id: string): CompiledQuery<BindingRow> {
  return bindingRows(store).where('bindings.id', '=', id).compile();
}

export function insertBinding(
  store: Store,
  binding: Pick<BindingRecord, 'id' | 'principal' | 'role'> &
    Partial<Omit<BindingRecord, 'id' | 'principal' | 'role'>> & {
      readonly organization: string;
      /** Who made it; null for the first start. */
      readonly createdBy?: string;
    },
): Step {
  const { id, organization, principal, role, level = '' } = binding;
  return {
    query: store.db
      .insertInto('bindings')
      .values({
        id,
        organization,
        principal,
        role,
        effect: binding.effect ?? 'allow',
        level,
        ...levelColumns(level),
        conditions: JSON.stringify(binding.conditions ?? []),
        not_before: binding.notBefore ?? null,
        not_after: binding.notAfter ?? null,
        support: binding.support ?? null,
        created_by: binding.createdBy ?? null,
        created_at: nowMs(store.engine),
      })
      .compile(),
  };
}

export function deleteBinding(store: Store, id: string): Step {
  return {
    query: store.db.deleteFrom('bindings').where('id', '=', id).compile(),
    guard: { name: 'binding', exactly: 1 },
  };
}

/** All of a principal, for instance of a team that is deleted. */
export function deleteBindingsOf(store: Store, principal: string): Step {
  return { query: store.db.deleteFrom('bindings').where('principal', '=', principal).compile() };
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
