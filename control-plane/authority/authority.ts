// The authority of one process: the current policy, asked by every interface, renewed after every change to it.
import { randomUUIDv7 } from 'node:crypto';
import type { Permission } from '../../protocol/permissions.ts';
import type { Step, Store } from '../store/store.ts';
import { authenticate } from './authenticate.ts';
import { authorize } from './authorize.ts';
import type { Caller, Decision, ResourcePath } from './authorize.ts';
import type { Policy } from './policy.ts';
import { policyGuard, readPolicy, touchToken } from './store.ts';

/** A token's last use is written once a minute at the most. */
const touchMsMin = 60_000;

export interface Authority {
  policy(): Policy;
  /** Throws `not_signed_in` or `invalid_token`. */
  authenticate(header: string | undefined): Caller;
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
    authenticate(header) {
      const now = clock.now();
      const caller = authenticate(policy, header, now);
      if (caller.token !== null) touch(caller.token.id, now);
      return caller;
    },
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
