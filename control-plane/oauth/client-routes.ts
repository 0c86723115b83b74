// The routes of those who may ask for tokens: credentials of services, and applications of others.
import { randomUUIDv7 } from 'node:crypto';
import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import {
  clientCreateSchema,
  clientCreatedSchema,
  clientPageSchema,
  credentialCreateSchema,
  credentialCreatedSchema,
  credentialPageSchema,
} from '../../protocol/api/oauth.ts';
import type { clientSchema, credentialSchema } from '../../protocol/api/oauth.ts';
import { pageQuerySchema } from '../../protocol/api/page.ts';
import { Failure } from '../../protocol/failures.ts';
import { idSchema, referenceSchema } from '../../protocol/ids.ts';
import { parseJson } from '../../protocol/json.ts';
import { commitChange } from '../authority/change.ts';
import type { ChangeDeps } from '../authority/change.ts';
import { findPrincipal } from '../authority/find.ts';
import { decodeCursor, toPage } from '../http/page.ts';
import { route } from '../http/route.ts';
import type { RouteDeps } from '../http/route.ts';
import type { OauthClientsTable, OauthCredentialsTable } from '../store/tables-oauth.ts';
import { clientKey } from './claims.ts';
import {
  deleteClient,
  insertClient,
  selectClient,
  selectClients,
  selectCredentials,
} from './client-store.ts';
import { secretHashOf } from './clients.ts';
import type { OauthParts } from './contract.ts';
import { createCredential, newSecret, revokeCredentialById } from './create-credential.ts';
import { revocationMs } from './revocation-time.ts';
import { insertRevocation } from './store.ts';

type Deps = RouteDeps & ChangeDeps & Pick<OauthParts, 'liveness' | 'clock'>;

const tag = 'tokens';
const idParams = z.object({ id: idSchema });
const principalParams = z.object({ principal: referenceSchema });

export function clientRoutes(app: FastifyInstance, deps: Deps): void {
  credentialRoutes(app, deps);
  applicationRoutes(app, deps);
}

function credentialRoutes(app: FastifyInstance, deps: Deps): void {
  route(app, deps, {
    method: 'POST',
    url: '/v1/principals/:principal/credentials',
    permission: 'iam.credential.create',
    summary: 'Give a service a client id and a secret, shown once, or let it sign with its own keys',
    tag,
    params: principalParams,
    body: credentialCreateSchema,
    answers: { 201: credentialCreatedSchema },
    handler: async (context) => {
      const principal = findPrincipal(deps.authority.policy(), context.params.principal);
      const { row, secret } = await createCredential(deps, context, { principal, body: context.body });
      return { status: 201, body: { ...credentialView(row), client_secret: secret } };
    },
  });
  route(app, deps, {
    method: 'GET',
    url: '/v1/principals/:principal/credentials',
    permission: 'iam.credential.read',
    summary: 'List the credentials of a service, without their secrets',
    tag,
    params: principalParams,
    answers: { 200: credentialPageSchema },
    handler: async ({ params }) => {
      const principal = findPrincipal(deps.authority.policy(), params.principal);
      const rows = await deps.store.read(selectCredentials(deps.store, principal.id));
      return { status: 200, body: { items: rows.map(credentialView), next_cursor: null } };
    },
  });
  route(app, deps, {
    method: 'DELETE',
    url: '/v1/credentials/:id',
    permission: 'iam.credential.revoke',
    summary: 'Revoke a credential; the tokens that it brought end with it',
    tag,
    params: idParams,
    answers: { 204: null },
    handler: async (context) => {
      await revokeCredentialById(deps, context, context.params.id);
      return { status: 204 };
    },
  });
}

function applicationRoutes(app: FastifyInstance, deps: Deps): void {
  route(app, deps, {
    method: 'POST',
    url: '/v1/oauth-clients',
    permission: 'iam.client.create',
    summary: 'Register an application of others in which people sign in with us; its secret is shown once',
    tag,
    body: clientCreateSchema,
    answers: { 201: clientCreatedSchema },
    handler: async (context) => {
      const { name, redirect_uris, public: isPublic = false } = context.body;
      const secret = isPublic ? null : newSecret();
      const { principal } = context.caller;
      const row = {
        id: randomUUIDv7(),
        organization: principal.organization,
        name,
        redirect_uris: JSON.stringify(redirect_uris),
        secret_hash: secret === null ? null : secretHashOf(secret),
        created_by: principal.id,
      };
      await commitChange(deps, context, {
        operation: 'client.create',
        resource: `clients/${row.id}`,
        details: { after: { name, redirect_uris, public: isPublic } },
        steps: [insertClient(deps.store, row)],
      });
      return { status: 201, body: { ...clientView(await readClient(deps, row.id)), client_secret: secret } };
    },
  });
  route(app, deps, {
    method: 'GET',
    url: '/v1/oauth-clients',
    permission: 'iam.client.read',
    summary: 'List the applications of others in which people sign in with us',
    tag,
    query: pageQuerySchema,
    answers: { 200: clientPageSchema },
    handler: async ({ caller, query }) => {
      const { organization } = caller.principal;
      const page = { organization, after: decodeCursor(query.cursor), limit: query.limit };
      const rows = await deps.store.read(selectClients(deps.store, page));
      return { status: 200, body: toPage(rows, query.limit, { key: (row) => row.id, item: clientView }) };
    },
  });
  route(app, deps, {
    method: 'DELETE',
    url: '/v1/oauth-clients/:id',
    permission: 'iam.client.delete',
    summary: 'Forget an application; what people gave it ends',
    tag,
    params: idParams,
    answers: { 204: null },
    handler: async (context) => {
      const { id, name } = await readClient(deps, context.params.id);
      await commitChange(deps, context, {
        operation: 'client.delete',
        resource: `clients/${id}`,
        details: { before: { name } },
        steps: [
          deleteClient(deps.store, id),
          insertRevocation(deps.store, { key: clientKey(id), keepUntil: deps.clock.now() + revocationMs }),
        ],
      });
      deps.liveness.forget();
      return { status: 204 };
    },
  });
}

async function readClient(deps: Pick<Deps, 'store'>, id: string): Promise<OauthClientsTable> {
  const [row] = await deps.store.read(selectClient(deps.store, id));
  if (row === undefined) throw new Failure('not_found', `There is no application ${id}.`);
  return row;
}

function credentialView(row: OauthCredentialsTable): z.input<typeof credentialSchema> {
  const { id, name, principal, kind, created_at, expires_at, revoked_at } = row;
  return {
    id,
    name,
    principal,
    kind,
    permissions: row.permissions === null ? null : row.permissions.split(' ').filter(Boolean),
    audiences: row.audiences.split(' ').filter(Boolean),
    bound: row.dpop === 1,
    created_at,
    expires_at,
    revoked_at,
  };
}

function clientView(row: OauthClientsTable): z.input<typeof clientSchema> {
  const { id, name, created_at } = row;
  return {
    id,
    name,
    redirect_uris: parseJson(row.redirect_uris) as string[],
    public: row.secret_hash === null,
    created_at,
  };
}
