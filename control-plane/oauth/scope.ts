// Scopes are a ceiling of permission names; `wayside` is everything that the principal may do. A scope never gives a
// right: it only takes away.
import { isPermission, permissions } from '../../protocol/permissions.ts';
import type { Permission } from '../../protocol/permissions.ts';

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
