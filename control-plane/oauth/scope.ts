// Scopes are a ceiling of permission names; `wayside` is everything that the principal may do. An authorization detail
// (RFC 9396) confines a token to one thing. Neither ever gives a right: both only take away.
import { z } from 'zod';
import { isPermission, permissions } from '../../protocol/permissions.ts';
import type { Permission } from '../../protocol/permissions.ts';
import type { Authority } from '../authority/authority.ts';
import { isWithin, organizationLevel, resourceAt } from '../authority/level.ts';
import type { ResourcePath } from '../authority/level.ts';
import { parseLevel } from '../authority/parse-level.ts';
import type { Policy } from '../authority/policy.ts';
import { detailType } from './contract.ts';
import type { AuthorizationDetail, TokenFacts } from './contract.ts';

/** Everything that the principal may do. */
export const wholeScope = 'wayside';
/** What OpenID Connect defines, about the sign-in and not about our API. */
export const identityScopes = ['openid', 'offline_access', 'profile', 'groups'] as const;
export const apiScopes: readonly string[] = [wholeScope, ...permissions];

export function scopeNames(scope: string | undefined): readonly string[] {
  return [...new Set((scope ?? '').split(' ').filter((name) => name !== ''))];
}

/** Names that are neither permissions nor what we know besides. */
export function unknownScopes(scope: string | undefined): readonly string[] {
  return scopeNames(scope).filter(
    (name) =>
      name !== wholeScope && !isPermission(name) && !(identityScopes as readonly string[]).includes(name),
  );
}

/** Null where the scope is no ceiling. A scope without any permission allows nothing. */
export function ceilingOf(scope: string): ReadonlySet<Permission> | null {
  const names = scopeNames(scope);
  return names.includes(wholeScope) ? null : new Set(names.filter((name) => isPermission(name)));
}

/** What both ceilings allow. */
export function narrower(
  one: ReadonlySet<Permission> | null,
  other: ReadonlySet<Permission> | null,
): ReadonlySet<Permission> | null {
  if (one === null) return other;
  return other === null ? one : new Set([...one].filter((name) => other.has(name)));
}

export function scopeOf(ceiling: ReadonlySet<Permission> | null): string {
  return ceiling === null ? wholeScope : permissions.filter((name) => ceiling.has(name)).join(' ');
}

/**
 * The scope of a new token: what was asked for, or the whole ceiling where nothing was. Null where more was asked for
 * than the ceiling allows.
 */
export function scopeWithin(
  ceiling: ReadonlySet<Permission> | null,
  asked: string | undefined,
): string | null {
  const names = scopeNames(asked).filter((name) => !(identityScopes as readonly string[]).includes(name));
  if (names.length === 0) return scopeOf(ceiling);
  const wanted = ceilingOf(names.join(' '));
  if (ceiling === null) return scopeOf(wanted);
  if (wanted === null || [...wanted].some((name) => !ceiling.has(name))) return null;
  return scopeOf(wanted);
}

const detailSchema = z.strictObject({
  type: z.literal(detailType),
  resource: z.string().max(300),
  permissions: z.array(z.enum(permissions)).min(1).optional(),
});

/** A detail as a client writes it, by ids or names; null where it says something that there is not. */
export async function resolveDetail(
  authority: Pick<Authority, 'policy' | 'things'>,
  value: unknown,
): Promise<AuthorizationDetail | null> {
  const parsed = detailSchema.safeParse(value);
  if (!parsed.success) return null;
  const level = await parseLevel(authority, parsed.data.resource);
  if (level === null) return null;
  return {
    type: detailType,
    resource: level === organizationLevel ? 'organization' : level,
    permissions: parsed.data.permissions ?? null,
  };
}

/** Whether everything within the new detail is within the old one. */
export function isDetailWithin(
  policy: Policy,
  detail: AuthorizationDetail,
  within: AuthorizationDetail | null,
): boolean {
  return within === null || isWithin(policy, levelOfDetail(detail), levelOfDetail(within));
}

/** Where a token reaches; null where it is not confined. */
export function withinOf(facts: Pick<TokenFacts, 'detail' | 'organization'>): ResourcePath | null {
  return facts.detail === null ? null : resourceAt(facts.organization, levelOfDetail(facts.detail));
}

function levelOfDetail({ resource }: AuthorizationDetail): string {
  return resource === 'organization' ? organizationLevel : resource;
}
