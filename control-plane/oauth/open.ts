// Opens the authorization server over what the control plane has already: its store, its keys, its audit, its policy.
import type { FastifyInstance } from 'fastify';
import type { Provider } from 'oidc-provider';
import type { AuditTrail } from '../audit/trail.ts';
import type { Authority } from '../authority/authority.ts';
import type { Authenticator } from '../authority/caller.ts';
import type { ChangeDeps } from '../authority/change.ts';
import type { RouteDeps } from '../http/route.ts';
import type { Secrets } from '../secrets/secrets.ts';
import type { SignInContract } from '../sign-in/contract.ts';
import type { Step, Store } from '../store/store.ts';
import { openAdapter, revokeFamily } from './adapter.ts';
import { guardAddresses } from './addresses.ts';
import { issueForAssertion } from './assertion.ts';
import { accessTokenAuthenticator } from './authenticator.ts';
import { clientRoutes } from './client-routes.ts';
import { bearerClientId, clientFinder } from './clients.ts';
import type { OauthParts } from './contract.ts';
import { federationRoutes } from './federation-routes.ts';
import { openInspector } from './inspect.ts';
import { openIssuerKeys } from './issuer-keys.ts';
import { readLiveness } from './liveness.ts';
import { loadLibrary } from './load-library.ts';
import { openPresentedTokens } from './presented.ts';
import { rememberProofs } from './proof.ts';
import { protocolRoutes } from './protocol-routes.ts';
import { openProvider } from './provider.ts';
import { revocationMs } from './revocation-time.ts';
import { insertRevocation, selectFamiliesOf } from './store.ts';
import { openTokenSigner } from './token-keys.ts';

export interface OauthOptions {
  readonly store: Store;
  readonly secrets: Secrets;
  readonly audit: AuditTrail;
  readonly authority: Authority;
  readonly clock: { now(): number };
  /** Our origin, as clients know it; asked late, because the listener's port may not be known yet. */
  readonly issuer: () => string;
  /** Null where nobody can sign in by a browser. */
  readonly signIn: SignInContract | null;
  /** Origins that are all us, and the one that browsers are sent to. */
  readonly origins: () => { readonly canonical: string; readonly all: readonly string[] };
  /** Lets what a person signed in with be elevated for a while. */
  readonly elevatable?: (authenticator: Authenticator) => Authenticator;
  /** Addresses and ranges beside the public ones that issuers of federations may have. */
  readonly issuerAddresses: readonly string[];
  readonly countDenial: (reason: string) => void;
}

export interface Oauth {
  readonly parts: OauthParts;
  /** Registers the endpoints of the protocol and our own; access tokens are callers of the authority from then on. */
  register(app: FastifyInstance, routes: RouteDeps & ChangeDeps): Promise<void>;
  /** Ends everything that clients hold for a person, for instance when that person signs out everywhere. */
  revokeAllOf(principal: string): Promise<void>;
  /** Exchanges the token of an outside issuer for one of the service that a federation names, by id or name. */
  exchangeOutside(asked: {
    readonly provider: string;
    readonly assertion: string;
    readonly request: Readonly<Record<string, unknown>>;
  }): Promise<{ readonly accessToken: string; readonly expiresInS: number } | null>;
  close(): Promise<void>;
}

export function openOauth(options: OauthOptions): Oauth {
  const { store, secrets, clock, authority } = options;
  const liveness = readLiveness(store, clock);
  const parts: OauthParts = {
    ...options,
    liveness,
    signer: openTokenSigner({ keys: secrets.signingKeys, liveness }),
    proofs: rememberProofs({ store, clock }),
    issuerKeys: openIssuerKeys({ guard: guardAddresses(options.issuerAddresses), clock }),
    revoke: async (keys, steps: readonly Step[] = []) => {
      const keepUntil = clock.now() + revocationMs;
      await store.write([...keys.map((key) => insertRevocation(store, { key, keepUntil })), ...steps]);
      liveness.forget();
    },
  };
  const inspector = openInspector(parts);
  const presented = openPresentedTokens(parts);
  const provider = providerOf(parts, { inspector, presented });
  return {
    parts,
    async register(app, routes) {
      const authenticator = accessTokenAuthenticator({ ...parts, inspector });
      authority.accept(options.elevatable?.(authenticator) ?? authenticator);
      await protocolRoutes(app, { ...parts, provider, inspector, presented });
      clientRoutes(app, { ...routes, ...parts });
      federationRoutes(app, { ...routes, ...parts });
    },
    async revokeAllOf(principal) {
      const families = await store.read(selectFamiliesOf(store, principal));
      for (const { grant_hash } of families) if (grant_hash !== null) await revokeFamily(parts, grant_hash);
    },
    async exchangeOutside({ provider: name, assertion, request }) {
      const { errors } = await loadLibrary();
      const grant = {
        assertion,
        provider: name,
        scope: undefined,
        audience: undefined,
        client: bearerClientId,
        keyThumbprint: null,
      };
      try {
        const { token, facts } = await issueForAssertion({ ...parts, errors }, grant, request);
        return { accessToken: token, expiresInS: Math.floor((facts.expiresAt - clock.now()) / 1_000) };
      } catch (error) {
        if (error instanceof errors.InvalidGrant) return null;
        throw error;
      }
    },
    close: () => parts.issuerKeys.close(),
  };
}

/** The library over the key that signs now; made again when another one does. */
function providerOf(
  parts: OauthParts,
  own: {
    readonly inspector: ReturnType<typeof openInspector>;
    readonly presented: ReturnType<typeof openPresentedTokens>;
  },
): () => Promise<Provider> {
  let held: { readonly kid: string; readonly provider: Promise<Provider> } | null = null;
  return async () => {
    const key = await parts.signer.active();
    if (held?.kid === key.kid) return held.provider;
    const library = await loadLibrary();
    const adapter = openAdapter(parts, {
      client: clientFinder(parts),
      presented: own.presented.find,
      revokePresented: own.presented.revoke,
      redeemedTwice: () => {
        throw new library.errors.InvalidGrant('it was used before');
      },
    });
    held = {
      kid: key.kid,
      provider: openProvider({ ...parts, library, inspector: own.inspector, adapter }, key),
    };
    return held.provider;
  };
}
