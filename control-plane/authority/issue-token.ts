// Issues and revokes personal access tokens. The secret leaves in one answer and is stored as a hash only.
import { randomUUIDv7 } from 'node:crypto';
import { Failure } from '../../protocol/failures.ts';
import type { Permission } from '../../protocol/permissions.ts';
import type { TokensTable } from '../store/schema.ts';
import type { DecideDeps } from '../http/decide.ts';
import { isByThemselves, narrowed, refuseStronger } from './act-as.ts';
import { insertToken, revokeToken, selectToken } from './binding-store.ts';
import { commitChange } from './change.ts';
import type { ChangeContext, ChangeDeps } from './change.ts';
import type { PrincipalRecord } from './policy.ts';
import { bumpPolicy } from './store.ts';
import { mintToken } from './token.ts';

type Deps = ChangeDeps & DecideDeps & { readonly clock: { now(): number } };

/**
 * Throws `forbidden` where the token would be able to do what the caller cannot, or, made for oneself, for longer,
 * and `conflict` for a principal that is disabled.
 */
export async function issueToken(
  deps: Deps,
  context: ChangeContext,
  request: {
    readonly principal: PrincipalRecord;
    readonly name: string;
    readonly expiresInMs: number | null;
    readonly permissions: readonly Permission[] | null;
  },
): Promise<{ readonly row: TokensTable; readonly token: string }> {
  const { principal } = request;
  if (principal.disabled) throw new Failure('conflict', `${principal.name} is disabled.`);
  if (principal.kind === 'team' || principal.kind === 'agent') {
    throw new Failure('conflict', `${principal.name} is no user and no service, and has no tokens.`);
  }
  // For oneself the ceiling is what keeps it small: a narrow token may make one as narrow.
  if (!isByThemselves(context.caller, principal)) await refuseStronger(deps, context, principal);
  const permissions = await narrowed(deps, context, request.permissions);
  const expires_at = expiryOf(deps, context, request);
  const { token, hash } = mintToken();
  const id = randomUUIDv7();
  const policy = deps.authority.policy();
  await commitChange(deps, context, {
    operation: 'token.create',
    resource: `tokens/${id}`,
    details: { after: { principal: principal.name, name: request.name, permissions, expires_at } },
    steps: [
      insertToken(deps.store, {
        id,
        organization: policy.organization.id,
        principal: principal.id,
        name: request.name,
        hash,
        permissions,
        expires_at,
      }),
      bumpPolicy(deps.store, policy),
    ],
  });
  await deps.authority.reload();
  return { row: await readToken(deps, id), token };
}

/** Revoking a revoked token changes nothing and succeeds. */
export async function revokeTokenById(deps: Deps, context: ChangeContext, id: string): Promise<void> {
  const row = await readToken(deps, id);
  await commitChange(deps, context, {
    operation: 'token.revoke',
    resource: `tokens/${id}`,
    details: { before: { name: row.name, principal: row.principal } },
    steps: [revokeToken(deps.store, id), bumpPolicy(deps.store, deps.authority.policy())],
  });
  await deps.authority.reload();
}

export async function readToken(deps: ChangeDeps, id: string): Promise<TokensTable> {
  const [row] = await deps.store.read(selectToken(deps.store, id));
  if (row === undefined) throw new Failure('not_found', `There is no token ${id}.`);
  return row;
}

/** A token that makes others for its own principal would otherwise never end. */
function expiryOf(
  deps: Deps,
  { caller }: ChangeContext,
  request: { readonly principal: PrincipalRecord; readonly expiresInMs: number | null },
): number | null {
  const wanted = request.expiresInMs === null ? null : deps.clock.now() + request.expiresInMs;
  const last = caller.credential?.expiresAt ?? null;
  if (last === null || request.principal.id !== caller.principal.id) return wanted;
  if (wanted !== null && wanted > last) {
    throw new Failure(
      'forbidden',
      `A token cannot outlive the one that makes it, which expires ${new Date(last).toISOString()}. ` +
        'Ask for a shorter life, or somebody who may issue tokens for you.',
    );
  }
  return wanted ?? last;
}
