// The link by which the first owner sets a password, printed once at the very first start beside the owner's token.
import { setupLinkMs } from '../../protocol/limits.ts';
import type { PrincipalRecord } from '../authority/policy.ts';
import type { Step, Store } from '../store/store.ts';
import { newLink } from './links.ts';

export interface SetupLink {
  readonly path: string;
  readonly expiresAt: number;
  readonly steps: readonly Step[];
}

/** Its steps go into the unit that makes the first token, so that there are both or neither. */
export function setupLinkFor(
  deps: { readonly store: Store; readonly clock: { now(): number } },
  owner: Pick<PrincipalRecord, 'id'>,
): SetupLink {
  return newLink(deps, {
    principal: owner.id,
    purpose: 'setup',
    removesFactors: false,
    createdBy: null,
    lifeMs: setupLinkMs,
  });
}
