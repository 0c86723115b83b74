// An authorization detail (RFC 9396) confines a token to one thing. It never gives a right and only takes away, wherever
// it is asked for: a token that is made of something confined is confined at least as much.
import { z } from 'zod';
import { parseJson } from '../../protocol/json.ts';
import { permissions } from '../../protocol/permissions.ts';
import type { Authority } from '../authority/authority.ts';
import { isWithin, organizationLevel, resourceAt } from '../authority/level.ts';
import type { ResourcePath } from '../authority/level.ts';
import { parseLevel } from '../authority/parse-level.ts';
import { detailType } from './contract.ts';
import type { AuthorizationDetail, TokenFacts } from './contract.ts';
import type { Library } from './load-library.ts';

/** As clients write it, by ids or names. */
const askedSchema = z.strictObject({
  type: z.literal(detailType),
  resource: z.string().max(300),
  permissions: z.array(z.enum(permissions)).min(1).optional(),
});

/** As it is kept in codes and tokens, by ids: none, or one. */
export const detailsSchema = z
  .array(
    z.object({
      type: z.literal(detailType),
      resource: z.string(),
      permissions: z.array(z.string()).nullish(),
    }),
  )
  .max(1);

/** What is kept, read back. */
export function keptDetail(details: z.output<typeof detailsSchema> | undefined): AuthorizationDetail | null {
  const [detail] = details ?? [];
  return detail === undefined ? null : { ...detail, permissions: detail.permissions ?? null };
}

/** The detail as it is kept. */
export function detailsOf({ type, resource, permissions: only }: AuthorizationDetail) {
  return [{ type, resource, ...(only === null ? {} : { permissions: [...only] }) }];
}

interface Deps {
  readonly authority: Pick<Authority, 'policy' | 'things'>;
  readonly errors: Library['errors'];
}

/**
 * The detail of a new token: what `text` (the parameter `authorization_details`) asks for, or `within`, that of what the
 * token is made of, where it asks for nothing. Throws `InvalidAuthorizationDetails` for what is not one detail about one
 * thing that there is, and `InvalidScope` for more than `within` allows.
 */
export async function detailWithin(
  deps: Deps,
  text: unknown,
  within: AuthorizationDetail | null,
): Promise<AuthorizationDetail | null> {
  if (typeof text !== 'string') return within;
  const { authority, errors } = deps;
  const detail = await resolveDetail(authority, parseJson(text));
  if (detail === null) {
    throw new errors.InvalidAuthorizationDetails('one detail about one thing that there is');
  }
  if (within === null) return detail;
  if (!isWithin(authority.policy(), levelOfDetail(detail), levelOfDetail(within))) {
    throw new errors.InvalidScope('what the token is made of does not reach so far', detail.resource);
  }
  const allowed = within.permissions;
  const more = (detail.permissions ?? []).find((name) => allowed !== null && !allowed.includes(name));
  if (more !== undefined) throw new errors.InvalidScope('what the token is made of does not allow it', more);
  return { ...detail, permissions: detail.permissions ?? allowed };
}

async function resolveDetail(
  authority: Deps['authority'],
  asked: unknown,
): Promise<AuthorizationDetail | null> {
  const parsed = z.tuple([askedSchema]).safeParse(asked);
  if (!parsed.success) return null;
  const [{ resource, permissions: only = null }] = parsed.data;
  const level = await parseLevel(authority, resource);
  if (level === null) return null;
  return {
    type: detailType,
    resource: level === organizationLevel ? 'organization' : level,
    permissions: only,
  };
}

/** Where a token reaches; null where it is not confined. */
export function withinOf(facts: Pick<TokenFacts, 'detail' | 'organization'>): ResourcePath | null {
  return facts.detail === null ? null : resourceAt(facts.organization, levelOfDetail(facts.detail));
}

function levelOfDetail({ resource }: AuthorizationDetail): string {
  return resource === 'organization' ? organizationLevel : resource;
}
