// Gives a service something to ask for tokens with: a secret that is shown once, or the right to sign with its own key.
import { randomBytes, randomUUIDv7 } from 'node:crypto';
import type { z } from 'zod';
import type { credentialCreateSchema } from '../../protocol/api/oauth.ts';
import { Failure } from '../../protocol/failures.ts';
import { tokenPrefixes } from '../../protocol/ids.ts';
import { tokenBytes } from '../../protocol/limits.ts';
import { credentialsPerServiceMax } from '../../protocol/limits-authority.ts';
import { narrowed, refuseStronger } from '../authority/act-as.ts';
import { commitChange } from '../authority/change.ts';
import type { ChangeContext, ChangeDeps } from '../authority/change.ts';
import type { PrincipalRecord } from '../authority/policy.ts';
import type { DecideDeps } from '../http/decide.ts';
import type { OauthCredentialsTable } from '../store/tables-oauth.ts';
import { insertCredential, revokeCredential, selectCredential, selectCredentials } from './client-store.ts';
import { clientKey } from './claims.ts';
import { secretHashOf } from './clients.ts';
import type { OauthParts } from './contract.ts';
import { insertRevocation } from './store.ts';
import { revocationMs } from './revocation-time.ts';

type Deps = ChangeDeps & DecideDeps & { readonly clock: { now(): number } };

/**
 * Throws `conflict` for what is no service or has too many already, and `forbidden` where the service may do what the
 * caller may not: whoever holds the credential is the service.
 */
export async function createCredential(
  deps: Deps,
  context: ChangeContext,
  asked: { readonly principal: PrincipalRecord; readonly body: z.output<typeof credentialCreateSchema> },
): Promise<{ readonly row: OauthCredentialsTable; readonly secret: string | null }> {
  const { principal, body } = asked;
  if (principal.kind !== 'service' || principal.disabled) {
    throw new Failure('conflict', `${principal.name} is no service that is enabled; people sign in.`);
  }
  await refuseMore(deps, principal);
  await refuseStronger(deps, context, principal);
  const permissions = await narrowed(deps, context, body.permissions ?? null);
  const secret = body.keys === undefined ? newSecret() : null;
  const id = randomUUIDv7();
  await commitChange(deps, context, {
    operation: 'credential.create',
    resource: `credentials/${id}`,
    details: {
      after: {
        principal: principal.name,
        name: body.name,
        permissions,
        kind: secret === null ? 'public_key' : 'secret',
      },
    },
    steps: [
      insertCredential(deps.store, {
        id,
        organization: principal.organization,
        principal: principal.id,
        name: body.name,
        kind: secret === null ? 'public_key' : 'secret',
        secret_hash: secret === null ? null : secretHashOf(secret),
        jwks: body.keys === undefined ? null : JSON.stringify({ keys: body.keys }),
        permissions: permissions === null ? null : permissions.join(' '),
        audiences: (body.audiences ?? []).join(' '),
        dpop: body.bound === true ? 1 : 0,
        created_by: context.caller.principal.id,
        expires_at: body.expires_in_ms === undefined ? null : deps.clock.now() + body.expires_in_ms,
        revoked_at: null,
      }),
    ],
  });
  return { row: await readCredentialRow(deps, id), secret };
}

export function newSecret(): string {
  return tokenPrefixes.client + randomBytes(tokenBytes).toString('base64url');
}

/** Throws `not_found`. */
export async function readCredentialRow(
  deps: Pick<ChangeDeps, 'store'>,
  id: string,
): Promise<OauthCredentialsTable> {
  const [row] = await deps.store.read(selectCredential(deps.store, id));
  if (row === undefined) throw new Failure('not_found', `There is no credential ${id}.`);
  return row;
}

/** Its tokens end with it, in every process within the staleness bound. Revoking a revoked one changes nothing. */
export async function revokeCredentialById(
  deps: Deps & Pick<OauthParts, 'liveness'>,
  context: ChangeContext,
  id: string,
): Promise<void> {
  const row = await readCredentialRow(deps, id);
  await commitChange(deps, context, {
    operation: 'credential.revoke',
    resource: `credentials/${id}`,
    details: { before: { name: row.name, principal: row.principal } },
    steps: [
      revokeCredential(deps.store, id),
      insertRevocation(deps.store, { key: clientKey(id), keepUntil: deps.clock.now() + revocationMs }),
    ],
  });
  deps.liveness.forget();
}

async function refuseMore(deps: Deps, principal: PrincipalRecord): Promise<void> {
  const rows = await deps.store.read(selectCredentials(deps.store, principal.id));
  if (rows.filter(({ revoked_at }) => revoked_at === null).length < credentialsPerServiceMax) return;
  throw new Failure(
    'conflict',
    `${principal.name} has ${credentialsPerServiceMax} credentials; revoke one that is not used any more.`,
  );
}
