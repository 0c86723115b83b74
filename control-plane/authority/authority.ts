// The authority of one process: the current policy, asked by every interface, renewed after every change to it.
import { randomUUIDv7 } from 'node:crypto';
import type { Permission } from '../../protocol/permissions.ts';
import type { Step, Store } from '../store/store.ts';
import { authenticatePersonalToken, bearerOf, invalidToken, notSignedIn } from './authenticate.ts';
import { authorize } from './authorize.ts';
import type { Decision, ResourcePath } from './authorize.ts';
import type { Authenticator, Caller, Presented } from './caller.ts';
import type { Policy } from './policy.ts';
import { policyGuard, readPolicy, touchToken } from './store.ts';

/** A token's last use is written once a minute at the most. */
const touchMsMin = 60_000;

export interface Authority {
  policy(): Policy;
  /** Throws `not_signed_in` or `invalid_token`. */
  authenticate(presented: Presented): Promise<Caller>;
  /** Adds a way to sign in; the first that knows what was presented answers. */
  accept(authenticator: Authenticator): void;
  decide(caller: Caller, permission: Permission, resource: ResourcePath): Decision;
  /** Belongs into the unit of every change that a decision allowed: fails where the policy has moved since. */
  guard(decision: Pick<Decision, 'policy_revision'>): Step;
  /** Reads the policy again; to be awaited after every change of principals, tokens, bindings or projects. */
  reload(): Promise<void>;
}

export async function openAuthority(store: Store, clock: { now(): number }): Promise<Authority> {
  let policy = await readPolicy(store);
  let reading: Promise<void> | null = null;
  const touched = new Map<string, number>();
  const authenticators: Authenticator[] = [
    (presented, now) => authenticatePersonalToken(policy, presented, now),
  ];

  const touch = (id: string, now: number): void => {
    if (now - (touched.get(id) ?? 0) < touchMsMin) return;
    touched.set(id, now);
    // Losing this write loses a display value, so nobody waits for it.
    store.write([touchToken(store, id, now)]).catch(() => touched.delete(id));
  };

  const readAgain = async (): Promise<void> => {
    policy = await readPolicy(store);
  };

  return {
    policy: () => policy,
    async authenticate(presented) {
      const now = clock.now();
      for (const authenticator of authenticators) {
        const caller = await authenticator(presented, now);
        if (caller === null) continue;
        if (caller.credential?.kind === 'personal_token') touch(caller.credential.id, now);
        return caller;
      }
      throw bearerOf(presented) === null ? notSignedIn() : invalidToken();
    },
    accept: (authenticator) => void authenticators.push(authenticator),
    decide: (caller, permission, resource) =>
      authorize(policy, { id: randomUUIDv7(), at: clock.now(), caller, permission, resource }),
    guard: (decision) =>
      policyGuard(store, { organization: policy.organization, revision: decision.policy_revision }),
    async reload() {
      // A reading that began before the caller's change may not show it, so it is waited out and done again.
      while (reading !== null) await reading;
      reading = readAgain().finally(() => {
        reading = null;
      });
      await reading;
    },
  };
}
