// Issues and revokes personal access tokens. The secret leaves in one answer and is stored as a hash only.
import { randomUUIDv7 } from 'node:crypto';
import { Failure } from '../../protocol/failures.ts';
import type { Permission } from '../../protocol/permissions.ts';
import type { TokensTable } from '../store/schema.ts';
import type { Authority } from './authority.ts';
import { insertToken, revokeToken, selectToken } from './binding-store.ts';
import { commitChange } from './change.ts';
import type { ChangeContext, ChangeDeps } from './change.ts';
import type { PrincipalRecord } from './policy.ts';
import { roles } from './roles.ts';
import { bumpPolicy } from './store.ts';
import { mintToken } from './token.ts';

type Deps = ChangeDeps & { readonly authority: Authority; readonly clock: { now(): number } };

/** Throws `forbidden` where the token would be able to do what the caller cannot. */
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
  refuseEscalation(deps.authority, context, request.principal);
  const { token, hash } = mintToken();
  const id = randomUUIDv7();
  const policy = deps.authority.policy();
  const inherited = context.caller.token?.permissions ?? null;
  const permissions = narrowed(request.permissions, inherited);
  await commitChange(deps, context, {
    operation: 'token.create',
    resource: `tokens/${id}`,
    details: { after: { principal: request.principal.name, name: request.name, permissions } },
    steps: [
      insertToken(deps.store, {
        id,
        organization: policy.organization.id,
        principal: request.principal.id,
        name: request.name,
        hash,
        permissions,
        expires_at: request.expiresInMs === null ? null : deps.clock.now() + request.expiresInMs,
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

/** A token never reaches further than the token that asks for it. */
function narrowed(
  wanted: readonly Permission[] | null,
  inherited: ReadonlySet<Permission> | null,
): readonly Permission[] | null {
  if (inherited === null) return wanted;
  return wanted === null ? [...inherited] : wanted.filter((permission) => inherited.has(permission));
}

/** Issuing a token for somebody is acting as them: the caller must hold every permission that they have. */
function refuseEscalation(authority: Authority, context: ChangeContext, principal: PrincipalRecord): void {
  if (principal.id === context.caller.principal.id) return;
  const policy = authority.policy();
  for (const binding of policy.bindingsByPrincipal.get(principal.id) ?? []) {
    for (const permission of roles[binding.role]) {
      const resource = { organization: policy.organization.id, project: binding.project, thing: null };
      if (!authority.decide(context.caller, permission, resource).allowed) {
        throw new Failure('forbidden', `You cannot act as ${principal.name}, who may do what you may not.`);
      }
    }
  }
}
