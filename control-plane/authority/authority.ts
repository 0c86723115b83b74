// The authority of one process: the current policy, asked by every interface, renewed after every change to it.
import { randomUUIDv7 } from 'node:crypto';
import { isReading } from '../../protocol/permissions.ts';
import type { Permission } from '../../protocol/permissions.ts';
import type { Step, Store } from '../store/store.ts';
import { authenticatePersonalToken, bearerOf, invalidToken, notSignedIn } from './authenticate.ts';
import { authorize } from './authorize.ts';
import type { Decision } from './authorize.ts';
import type { Authenticator, Caller, Presented } from './caller.ts';
import type { KnownInputs } from './conditions.ts';
import { watchFreshness } from './freshness.ts';
import type { FreshnessDeps } from './freshness.ts';
import type { ResourcePath } from './level.ts';
import type { Policy } from './policy.ts';
import { policyGuard, readPolicy, readRevision, touchToken } from './store.ts';
import { noThings } from './things.ts';
import type { Things } from './things.ts';

/** A token's last use is written once a minute at the most. */
const touchMsMin = 60_000;

export interface Authority {
  policy(): Policy;
  /** Epoch ms of the clock that decisions are made by. */
  now(): number;
  /** Throws `not_signed_in`, `invalid_token`, or `policy_stale` where the policy is too old for any answer. */
  authenticate(presented: Presented): Promise<Caller>;
  /** Adds a way to sign in; the first that knows what was presented answers. */
  accept(authenticator: Authenticator): void;
  /**
   * Throws `policy_stale` where the policy is older than what is asked for allows. `inputs` are those of the run, where
   * there is one; with `later` the decision is asked for again when they are known (`Decision.settled`).
   */
  decide(caller: Caller, permission: Permission, resource: ResourcePath, inputs?: KnownInputs): Decision;
  /** Belongs into the unit of every change that a decision allowed: fails where the policy has moved since. */
  guard(decision: Pick<Decision, 'policy_revision'>): Step;
  /** Reads the policy again; to be awaited after every change of principals, tokens, bindings or projects. */
  reload(): Promise<void>;
  /** Whether the policy is new enough for changes. */
  isFresh(): boolean;
  /** Says what there is in projects; once, at the start. */
  know(things: Things): void;
  things(): Things;
  /** Begins to follow what other processes change; `close` ends it. */
  watch(): void;
  /** Somebody says that the policy has moved. */
  hint(): void;
  close(): void;
}

export type AuthorityOptions = Partial<Omit<FreshnessDeps, 'refresh'>>;

export async function openAuthority(
  store: Store,
  clock: { now(): number },
  options: AuthorityOptions = {},
): Promise<Authority> {
  let policy = await readPolicy(store);
  let reading: Promise<void> | null = null;
  let things = noThings;
  const authenticators: Authenticator[] = [
    (presented, now) => authenticatePersonalToken(policy, presented, now),
  ];
  const touch = touchTokens(store);
  const reload = async (): Promise<void> => {
    // A reading that began before the caller's change may not show it, so it is waited out and done again.
    while (reading !== null) await reading;
    reading = readAgain().finally(() => {
      reading = null;
    });
    await reading;
  };
  const elapsed = options.elapsed ?? (() => performance.now());
  const readAgain = async (): Promise<void> => {
    const since = elapsed();
    policy = await readPolicy(store, policy);
    freshness.renewed(since);
  };
  const freshness = watchFreshness({
    ...options,
    elapsed,
    refresh: async () => {
      if ((await readRevision(store)) !== policy.revision) await reload();
    },
  });

  return {
    policy: () => policy,
    now: () => clock.now(),
    async authenticate(presented) {
      await freshness.ensure();
      freshness.demand('read');
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
    decide(caller, permission, resource, inputs) {
      freshness.demand(isReading(permission) ? 'read' : 'write');
      const question = { id: randomUUIDv7(), at: clock.now(), caller, permission, resource };
      return authorize(policy, inputs === undefined ? question : { ...question, inputs });
    },
    guard: (decision) =>
      policyGuard(store, { organization: policy.organization, revision: decision.policy_revision }),
    reload,
    isFresh: () => freshness.isFresh(),
    know: (known) => void (things = known),
    things: () => things,
    watch: () => freshness.start(),
    hint: () => freshness.hint(),
    close: () => freshness.stop(),
  };
}

function touchTokens(store: Store): (id: string, now: number) => void {
  const touched = new Map<string, number>();
  return (id, now) => {
    if (now - (touched.get(id) ?? 0) < touchMsMin) return;
    touched.set(id, now);
    // Losing this write loses a display value, so nobody waits for it.
    store.write([touchToken(store, id, now)]).catch(() => touched.delete(id));
  };
}
