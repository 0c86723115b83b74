// What the parts of the authorization server share: what they work with, and what an access token says whichever
// form it has.
import type { AuditTrail } from '../audit/trail.ts';
import type { Authority } from '../authority/authority.ts';
import type { Secrets } from '../secrets/secrets.ts';
import type { SignInContract } from '../sign-in/contract.ts';
import type { Step, Store } from '../store/store.ts';
import type { LivenessReader } from './liveness.ts';
import type { IssuerKeys } from './issuer-keys.ts';
import type { ProofMemory } from './proof.ts';
import type { TokenSigner } from './token-keys.ts';

export interface OauthParts {
  readonly store: Store;
  readonly secrets: Secrets;
  readonly audit: AuditTrail;
  readonly authority: Authority;
  readonly clock: { now(): number };
  readonly liveness: LivenessReader;
  readonly signer: TokenSigner;
  readonly proofs: ProofMemory;
  readonly issuerKeys: IssuerKeys;
  /** Null where nobody can sign in by a browser: there is no consent, and no device flow, then. */
  readonly signIn: SignInContract | null;
  /** `https://name[:port]`: the issuer, and the audience of tokens for our own API. */
  readonly issuer: () => string;
  /** Origins that are all us, and the one that browsers are sent to. */
  readonly origins: () => { readonly canonical: string; readonly all: readonly string[] };
  /** Counts what strangers send that is no good. */
  readonly countDenial: (reason: string) => void;
  /** Makes the keys void in every process within the staleness bound, here at once; `steps` go into the same unit. */
  readonly revoke: (keys: readonly string[], steps?: readonly Step[]) => Promise<void>;
}

/** RFC 9396: one thing, and what may be done with it. Resources are written by their ids. */
export interface AuthorizationDetail {
  readonly type: typeof detailType;
  /** `organization`, or a level by its ids: `folders/<id>`, `projects/<id>`, `projects/<id>/actions/<id>`. */
  readonly resource: string;
  /** Null: everything that the scope allows. */
  readonly permissions: readonly string[] | null;
}

export const detailType = 'wayside';

export interface TokenFacts {
  /** A UUID: names the token in answers and in the audit. */
  readonly id: string;
  /** Under which the token itself is revoked. */
  readonly key: string;
  readonly organization: string;
  readonly subject: string;
  readonly client: string;
  readonly audience: string;
  /** Space separated. */
  readonly scope: string;
  readonly detail: AuthorizationDetail | null;
  /** Epoch ms. */
  readonly issuedAt: number;
  readonly notBefore: number;
  readonly expiresAt: number;
  /** Who acts for the subject, nearest first. */
  readonly actors: readonly string[];
  /** The principal that the subject allows to act for it (RFC 8693, section 4.4). */
  readonly mayAct: string | null;
  /** Tokens, families and clients with which it ends. */
  readonly parents: readonly string[];
  readonly acr: string | null;
  /** Epoch ms of the last active authentication of a person. */
  readonly authenticatedAt: number | null;
  readonly elevated: boolean;
  /** Thumbprint of the key that it is bound to (RFC 9449), or null. */
  readonly keyThumbprint: string | null;
}
