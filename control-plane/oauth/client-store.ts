// The SQL of those who may ask for tokens: credentials of services, applications of others, federated issuers.
import type { CompiledQuery } from 'kysely';
import { nowMs } from '../store/dialect.ts';
import { step } from '../store/step.ts';
import type { Step, Store } from '../store/store.ts';
import type {
  OauthClientsTable,
  OauthCredentialsTable,
  OauthFederationsTable,
} from '../store/tables-oauth.ts';

interface Page {
  readonly organization: string;
  readonly after: string | null;
  readonly limit: number;
}

export function selectCredential(store: Store, id: string): CompiledQuery<OauthCredentialsTable> {
  return store.db.selectFrom('oauth_credentials').selectAll().where('id', '=', id).compile();
}

/** All of one service, the newest first. */
export function selectCredentials(store: Store, principal: string): CompiledQuery<OauthCredentialsTable> {
  return store.db
    .selectFrom('oauth_credentials')
    .selectAll()
    .where('principal', '=', principal)
    .orderBy('id', 'desc')
    .compile();
}

export function insertCredential(store: Store, row: Omit<OauthCredentialsTable, 'created_at'>): Step {
  const values = { ...row, created_at: nowMs(store.engine) };
  return step(store.db.insertInto('oauth_credentials').values(values));
}

export function revokeCredential(store: Store, id: string): Step {
  return step(
    store.db
      .updateTable('oauth_credentials')
      .set({ revoked_at: nowMs(store.engine) })
      .where('id', '=', id)
      .where('revoked_at', 'is', null),
  );
}

export function selectClient(store: Store, id: string): CompiledQuery<OauthClientsTable> {
  return store.db.selectFrom('oauth_clients').selectAll().where('id', '=', id).compile();
}

export function selectClients(store: Store, page: Page): CompiledQuery<OauthClientsTable> {
  let query = store.db.selectFrom('oauth_clients').selectAll().where('organization', '=', page.organization);
  if (page.after !== null) query = query.where('id', '<', page.after);
  return query
    .orderBy('id', 'desc')
    .limit(page.limit + 1)
    .compile();
}

export function insertClient(store: Store, row: Omit<OauthClientsTable, 'created_at'>): Step {
  return step(store.db.insertInto('oauth_clients').values({ ...row, created_at: nowMs(store.engine) }));
}

export function deleteClient(store: Store, id: string): Step {
  return step(store.db.deleteFrom('oauth_clients').where('id', '=', id), { name: 'client', exactly: 1 });
}

export function selectFederation(store: Store, id: string): CompiledQuery<OauthFederationsTable> {
  return store.db.selectFrom('oauth_federations').selectAll().where('id', '=', id).compile();
}

export function selectFederations(store: Store, page: Page): CompiledQuery<OauthFederationsTable> {
  let query = store.db
    .selectFrom('oauth_federations')
    .selectAll()
    .where('organization', '=', page.organization);
  if (page.after !== null) query = query.where('id', '<', page.after);
  return query
    .orderBy('id', 'desc')
    .limit(page.limit + 1)
    .compile();
}

export function selectFederationsOfIssuer(
  store: Store,
  by: { readonly issuer: string; readonly limit: number },
): CompiledQuery<OauthFederationsTable> {
  return store.db
    .selectFrom('oauth_federations')
    .selectAll()
    .where('issuer', '=', by.issuer)
    .orderBy('id')
    .limit(by.limit)
    .compile();
}

export function insertFederation(store: Store, row: Omit<OauthFederationsTable, 'created_at'>): Step {
  return step(store.db.insertInto('oauth_federations').values({ ...row, created_at: nowMs(store.engine) }));
}

export function deleteFederation(store: Store, id: string): Step {
  return step(store.db.deleteFrom('oauth_federations').where('id', '=', id), {
    name: 'federation',
    exactly: 1,
  });
}
