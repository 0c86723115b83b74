// The keys that sign tokens: one is active, the former ones verify until the last token that they signed has lapsed.
import { SignJWT } from 'jose';
import type { JWTPayload } from 'jose';
import { Failure } from '../../protocol/failures.ts';
import { clockSkewMsMax } from '../../protocol/limits.ts';
import { accessTokenMs } from '../../protocol/limits-authority.ts';
import type { SigningKey, SigningKeys } from '../secrets/signing-keys.ts';
import { GuardFailed } from '../store/store.ts';
import type { Step, Store } from '../store/store.ts';
import type { LivenessReader } from './liveness.ts';
import { endRetiredTokenKeys, endTokenKey } from './store.ts';

export interface TokenSigner {
  /** The key that signs now, in this process no later than the staleness bound after it became the active one. */
  active(): Promise<SigningKey>;
  /** An access token in the profile of RFC 9068. */
  sign(claims: JWTPayload): Promise<string>;
}

interface Deps {
  readonly keys: SigningKeys;
  readonly liveness: LivenessReader;
}

export function openTokenSigner({ keys, liveness }: Deps): TokenSigner {
  let held: SigningKey | null = null;
  const active = async (): Promise<SigningKey> => {
    const published = (await liveness.now()).keys.find(({ state }) => state === 'active');
    if (published !== undefined && held?.kid === published.kid) return held;
    held = await keys.ensure({ purpose: 'token' });
    if (held.kid !== published?.kid) liveness.forget();
    return held;
  };
  return {
    active,
    async sign(claims) {
      const { kid, privateKey } = await active();
      return new SignJWT(claims).setProtectedHeader({ alg: 'ES256', typ: 'at+jwt', kid }).sign(privateKey);
    },
  };
}

/** How long a retired key verifies: the longest life of a token, and what clocks may differ. */
const overlapMs = accessTokenMs + 2 * clockSkewMsMax;

interface ChangeDeps extends Deps {
  readonly store: Store;
  readonly clock: { now(): number };
}

/** Makes a fresh key the active one; tokens of the former one stay good until they lapse. Resolves with its kid. */
export async function rotateTokenKey(deps: ChangeDeps, alongside: readonly Step[]): Promise<string> {
  const end = endRetiredTokenKeys(deps.store, deps.clock.now() + overlapMs);
  const { kid } = await deps.keys.create({ purpose: 'token', alongside: [end, ...alongside] });
  deps.liveness.forget();
  return kid;
}

/** Ends a former key, and with it every token that it signed. Throws `conflict` for the active one. */
export async function removeTokenKey(
  deps: ChangeDeps,
  kid: string,
  alongside: readonly Step[],
): Promise<void> {
  try {
    await deps.store.write([endTokenKey(deps.store, kid, deps.clock.now()), ...alongside]);
  } catch (error) {
    if (!(error instanceof GuardFailed) || error.guard !== 'retired_token_key') throw error;
    throw new Failure(
      'conflict',
      `${kid} is no token key that was replaced. Rotate first, then remove the former one.`,
      { cause: error },
    );
  }
  deps.liveness.forget();
}
