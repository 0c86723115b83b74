// The routes of federated issuers and of the keys that sign tokens.
import { randomUUIDv7 } from 'node:crypto';
import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import {
  federationCreateSchema,
  federationPageSchema,
  federationSchema,
  tokenKeyRotatedSchema,
  tokenKeysSchema,
} from '../../protocol/api/oauth.ts';
import { pageQuerySchema } from '../../protocol/api/page.ts';
import { Failure } from '../../protocol/failures.ts';
import { idSchema } from '../../protocol/ids.ts';
import { parseJson } from '../../protocol/json.ts';
import { federationsPerIssuerMax } from '../../protocol/limits-authority.ts';
import { narrowed, refuseStronger } from '../authority/act-as.ts';
import { commitChange, entryOf } from '../authority/change.ts';
import type { ChangeContext, ChangeDeps } from '../authority/change.ts';
import { findPrincipal } from '../authority/find.ts';
import type { Policy } from '../authority/policy.ts';
import { decodeCursor, toPage } from '../http/page.ts';
import { route } from '../http/route.ts';
import type { RouteDeps } from '../http/route.ts';
import type { Secrets } from '../secrets/secrets.ts';
import type { OauthFederationsTable } from '../store/tables-oauth.ts';
import {
  deleteFederation,
  insertFederation,
  selectFederation,
  selectFederations,
  selectFederationsOfIssuer,
} from './client-store.ts';
import { conditionProblem } from './condition.ts';
import type { OauthParts } from './contract.ts';
import { federationKey } from './federation.ts';
import { revocationMs } from './revocation-time.ts';
import { insertRevocation } from './store.ts';
import { removeTokenKey, rotateTokenKey } from './token-keys.ts';

type Deps = RouteDeps &
  ChangeDeps &
  Pick<OauthParts, 'liveness' | 'clock' | 'signer'> & { readonly secrets: Pick<Secrets, 'signingKeys'> };

const tag = 'tokens';

export function federationRoutes(app: FastifyInstance, deps: Deps): void {
  route(app, deps, {
    method: 'POST',
    url: '/v1/federations',
    permission: 'iam.federation.create',
    summary: 'Let tokens of an outside issuer stand for a service, under a condition on their claims',
    tag,
    body: federationCreateSchema,
    answers: { 201: federationSchema },
    handler: async (context) => ({ status: 201, body: await createFederation(deps, context) }),
  });
  route(app, deps, {
    method: 'GET',
    url: '/v1/federations',
    permission: 'iam.federation.read',
    summary: 'List the outside issuers whose tokens stand for services',
    tag,
    query: pageQuerySchema,
    answers: { 200: federationPageSchema },
    handler: async ({ caller, query }) => {
      const { organization } = caller.principal;
      const page = { organization, after: decodeCursor(query.cursor), limit: query.limit };
      const rows = await deps.store.read(selectFederations(deps.store, page));
      const policy = deps.authority.policy();
      const item = (row: OauthFederationsTable) => federationView(policy, row);
      return { status: 200, body: toPage(rows, query.limit, { key: (row) => row.id, item }) };
    },
  });
  route(app, deps, {
    method: 'DELETE',
    url: '/v1/federations/:id',
    permission: 'iam.federation.delete',
    summary: 'Forget an outside issuer; the tokens that came through it end',
    tag,
    params: z.object({ id: idSchema }),
    answers: { 204: null },
    handler: async (context) => {
      const { id, name } = await readFederation(deps, context.params.id);
      await commitChange(deps, context, {
        operation: 'federation.delete',
        resource: `federations/${id}`,
        details: { before: { name } },
        steps: [
          deleteFederation(deps.store, id),
          insertRevocation(deps.store, {
            key: federationKey(id),
            keepUntil: deps.clock.now() + revocationMs,
          }),
        ],
      });
      deps.liveness.forget();
      return { status: 204 };
    },
  });
  tokenKeyRoutes(app, deps);
}

async function createFederation(
  deps: Deps,
  context: ChangeContext & { readonly body: z.output<typeof federationCreateSchema> },
): Promise<z.input<typeof federationSchema>> {
  const { name, service, issuer, jwks_uri = null, audiences, condition } = context.body;
  const problem = conditionProblem(condition);
  if (problem !== null) throw new Failure('invalid_request', `The condition is none: ${problem}`);
  const principal = findPrincipal(deps.authority.policy(), service);
  if (principal.kind !== 'service' || principal.disabled) {
    throw new Failure('conflict', `${principal.name} is no service that is enabled.`);
  }
  await refuseStronger(deps, context, principal);
  const before = await deps.store.read(
    selectFederationsOfIssuer(deps.store, { issuer, limit: federationsPerIssuerMax }),
  );
  if (before.length >= federationsPerIssuerMax) {
    throw new Failure('conflict', `There are ${federationsPerIssuerMax} federations with ${issuer} already.`);
  }
  const permissions = await narrowed(deps, context, context.body.permissions ?? null);
  const id = randomUUIDv7();
  await commitChange(deps, context, {
    operation: 'federation.create',
    resource: `federations/${id}`,
    details: { after: { name, service: principal.name, issuer, audiences, condition, permissions } },
    steps: [
      insertFederation(deps.store, {
        id,
        organization: principal.organization,
        principal: principal.id,
        name,
        issuer,
        jwks_uri,
        audiences: JSON.stringify(audiences),
        condition,
        permissions: permissions === null ? null : permissions.join(' '),
        created_by: context.caller.principal.id,
      }),
    ],
  });
  return federationView(deps.authority.policy(), await readFederation(deps, id));
}

async function readFederation(deps: Pick<Deps, 'store'>, id: string): Promise<OauthFederationsTable> {
  const [row] = await deps.store.read(selectFederation(deps.store, id));
  if (row === undefined) throw new Failure('not_found', `There is no federation ${id}.`);
  return row;
}

function federationView(policy: Policy, row: OauthFederationsTable): z.input<typeof federationSchema> {
  const { id, name, issuer, jwks_uri, condition, created_at } = row;
  return {
    id,
    name,
    service: { id: row.principal, name: policy.principals.get(row.principal)?.name ?? row.principal },
    issuer,
    jwks_uri,
    audiences: parseJson(row.audiences) as string[],
    condition,
    permissions: row.permissions === null ? null : row.permissions.split(' ').filter(Boolean),
    created_at,
  };
}

function tokenKeyRoutes(app: FastifyInstance, deps: Deps): void {
  const keyDeps = { ...deps, keys: deps.secrets.signingKeys };
  const event = (context: ChangeContext, operation: string, resource: string) =>
    deps.audit.step({ ...entryOf(context), operation, resource, result: 'allowed', details: {} });
  route(app, deps, {
    method: 'GET',
    url: '/v1/token-keys',
    permission: 'operations.token-key.rotate',
    summary: 'The keys that tokens may be signed by now',
    tag,
    answers: { 200: tokenKeysSchema },
    handler: async () => {
      await deps.signer.active();
      const { keys } = await deps.liveness.now();
      const items = keys.map(({ kid, state, createdAt, notAfter }) => ({
        kid,
        state,
        created_at: createdAt,
        not_after: notAfter,
      }));
      return { status: 200, body: { items } };
    },
  });
  route(app, deps, {
    method: 'POST',
    url: '/v1/token-keys/rotate',
    permission: 'operations.token-key.rotate',
    summary: 'Sign tokens by a fresh key; those of the former one stay good until they lapse',
    tag,
    answers: { 200: tokenKeyRotatedSchema },
    handler: async (context) => {
      const kid = await rotateTokenKey(keyDeps, [event(context, 'token_key.rotate', 'token-keys')]);
      return { status: 200, body: { kid } };
    },
  });
  route(app, deps, {
    method: 'DELETE',
    url: '/v1/token-keys/:kid',
    permission: 'operations.token-key.rotate',
    summary: 'End a former key at once, and with it every token that it signed',
    tag,
    params: z.object({ kid: z.string().min(1).max(100) }),
    answers: { 204: null },
    handler: async (context) => {
      const { kid } = context.params;
      await removeTokenKey(keyDeps, kid, [event(context, 'token_key.remove', `token-keys/${kid}`)]);
      return { status: 204 };
    },
  });
}
