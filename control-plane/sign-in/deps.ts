// What the parts of sign-in are made of.
import type { Audit } from '../audit/audit.ts';
import type { Authority } from '../authority/authority.ts';
import type { Secrets } from '../secrets/secrets.ts';
import type { Store } from '../store/store.ts';
import type { PasswordHasher } from './hash-password.ts';
import type { PublicOrigins } from './origins.ts';

export interface SignInDeps {
  readonly store: Store;
  readonly audit: Pick<Audit, 'step' | 'countDenial'>;
  readonly authority: Pick<Authority, 'policy' | 'reload'>;
  readonly secrets: Pick<Secrets, 'sealAtRest' | 'openTextAtRest'>;
  readonly clock: { now(): number };
  /** Keyed code of a text, so that what was typed is not stored. */
  readonly mac: (text: string) => string;
  /** Ends the tokens that the authorization server gave out for a principal; ending them twice changes nothing. */
  readonly endTokensOf: (principal: string) => Promise<void>;
  readonly hasher: PasswordHasher;
  /** Known when the listener is open. */
  readonly origins: () => PublicOrigins;
}
