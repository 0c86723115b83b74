// Signs somebody in by an identity provider: sends the browser there, finds out whose account it is when it comes back
// (or makes one, where the provider may), and brings its teams up to date.
import { randomUUIDv7 } from 'node:crypto';
import type { FastifyRequest } from 'fastify';
import { Failure } from '../../protocol/failures.ts';
import { decisionsMax } from '../../protocol/limits.ts';
import type { PrincipalRecord } from '../authority/policy.ts';
import { bumpPolicy } from '../authority/store.ts';
import { newPrincipal } from '../principals/create.ts';
import { GuardFailed } from '../store/store.ts';
import type { Step } from '../store/store.ts';
import type { IdentityProvidersTable } from '../store/tables-sign-in.ts';
import { accountOf } from './account.ts';
import { beginAttempt, findAttempt, takeAttemptStep } from './attempt-store.ts';
import type { Goal } from './attempt-store.ts';
import { signInEvent } from './audit-entry.ts';
import { completeSignIn } from './complete.ts';
import type { Completed } from './complete.ts';
import type { SignInDeps } from './deps.ts';
import { onceOnly, signInFailed } from './failed.ts';
import { isAllowed, labelFrom, nameFrom, parseDomains, teamsFrom } from './provider-claims.ts';
import type { Claims } from './provider-claims.ts';
import type { ProviderClient } from './provider-client.ts';
import { findProvider, insertLink, selectLink, useLinkOf } from './provider-store.ts';
import { teamSteps } from './provider-teams.ts';

type Deps = SignInDeps & { readonly providers: ProviderClient };

/** Throws `not_found` for one that is not there or not enabled. */
export async function enabledProvider(deps: SignInDeps, name: string): Promise<IdentityProvidersTable> {
  const row = await findProvider(deps.store, name);
  if (row === null || row.enabled === 0) {
    throw new Failure('not_found', `There is no identity provider ${name} to sign in with.`);
  }
  return row;
}

/** Where the browser goes, and the cookie of the attempt. Throws `not_found` and `identity_provider_failed`. */
export async function beginWithProvider(
  deps: Deps,
  asked: { readonly name: string; readonly redirectUri: string; readonly goal: Goal },
): Promise<{ readonly url: string; readonly attempt: string }> {
  const row = await enabledProvider(deps, asked.name);
  const again = asked.goal.session !== null;
  const { url, ...expected } = await deps.providers.begin(row, { redirectUri: asked.redirectUri, again });
  const { cookie, step } = beginAttempt(deps, {
    kind: 'provider',
    principal: null,
    content: { goal: asked.goal, provider: row.id, startedAt: deps.clock.now(), ...expected },
  });
  await deps.store.write([step]);
  return { url, attempt: cookie };
}

/** Throws `sign_in_failed`, `identity_provider_failed` and `forbidden`. */
export async function finishWithProvider(
  deps: Deps,
  asked: {
    readonly name: string;
    readonly attempt: string | null;
    readonly currentUrl: string;
    readonly request: FastifyRequest;
  },
): Promise<Completed> {
  const row = await enabledProvider(deps, asked.name);
  const attempt = await findAttempt(deps, { kind: 'provider', cookie: asked.attempt });
  if (attempt === null || attempt.content.provider !== row.id) throw signInFailed();
  // Taken before anything is asked over there: an answer is good for one try.
  await takeOnce(deps, attempt.id);
  const { goal, state, nonce, verifier, startedAt } = attempt.content;
  const authenticatedAfter = goal.session === null ? null : startedAt;
  const { currentUrl, request } = asked;
  const claims = await deps.providers.finish(row, { state, nonce, verifier, currentUrl, authenticatedAfter });
  if (!isAllowed(claims, parseDomains(row.allowed_domains))) {
    throw new Failure('forbidden', `${row.name} may not sign in people of your domain here.`);
  }
  return onceOnly(() => completeAgain(deps, { row, claims, goal, request }));
}

async function takeOnce(deps: SignInDeps, id: string): Promise<void> {
  try {
    await deps.store.write([takeAttemptStep(deps.store, id)]);
  } catch (error) {
    throw error instanceof GuardFailed ? signInFailed() : error;
  }
}

interface Arrived {
  readonly row: IdentityProvidersTable;
  readonly claims: Claims & { readonly sub: string };
  readonly goal: Goal;
  readonly request: FastifyRequest;
}

/** Decides on the policy of now; again where it moved before the commit. */
async function completeAgain(deps: Deps, arrived: Arrived): Promise<Completed> {
  for (let tries = 1; ; tries += 1) {
    try {
      return await completeOnce(deps, arrived);
    } catch (error) {
      if (!(error instanceof GuardFailed) || tries >= decisionsMax) throw error;
      await deps.authority.reload();
    }
  }
}

async function completeOnce(deps: Deps, { row, claims, goal, request }: Arrived): Promise<Completed> {
  const known = await knownOf(deps, row, claims);
  const account = known ?? newUser(deps, { row, claims, request });
  const { principal } = account;
  const teams = await teamSteps(deps, { row, principal, wanted: teamsFrom(claims, row), request });
  const policySteps = [...account.policySteps, ...teams];
  const policy = deps.authority.policy();
  const completed = await completeSignIn(deps, {
    principal,
    methods: ['fed'],
    provider: row.id,
    goal,
    request,
    steps: [
      ...account.steps,
      ...(policySteps.length === 0 ? [] : [...policySteps, bumpPolicy(deps.store, policy)]),
    ],
  });
  if (policySteps.length > 0) await deps.authority.reload();
  return completed;
}

interface Account {
  readonly principal: PrincipalRecord;
  readonly steps: readonly Step[];
  /** Those that change the policy. */
  readonly policySteps: readonly Step[];
}

/** By issuer and subject, never by a name or an address: those can be given to somebody else over there. */
async function knownOf(
  { store, authority, clock }: Deps,
  row: IdentityProvidersTable,
  claims: Arrived['claims'],
): Promise<Account | null> {
  const link = { provider: row.id, subject: claims.sub };
  const [found] = await store.read(selectLink(store, link));
  if (found === undefined) return null;
  const principal = accountOf(authority.policy(), found.principal);
  if (principal === null) throw signInFailed();
  const used = { ...link, name: labelFrom(claims), last_used_at: clock.now() };
  return { principal, steps: [useLinkOf(store, used)], policySteps: [] };
}

function newUser(deps: Deps, { row, claims, request }: Pick<Arrived, 'row' | 'claims' | 'request'>): Account {
  const { store, authority, clock } = deps;
  if (row.creates_users === 0) {
    throw new Failure('forbidden', `You are not known here. Ask somebody to link you to ${row.name}.`);
  }
  const name = nameFrom(claims, row.name_claim);
  if (name === null || authority.policy().principalsByName.has(name)) {
    throw new Failure(
      'forbidden',
      name === null
        ? `${row.name} does not say what you are called, so no user could be made for you.`
        : `There is a user ${name} already, and nobody has said that it is you. Ask somebody to link you.`,
    );
  }
  const { id: organization } = authority.policy().organization;
  const principal = { id: randomUUIDv7(), organization, name, kind: 'user', disabled: false } as const;
  const now = clock.now();
  const link = { provider: row.id, subject: claims.sub, principal: principal.id, name: labelFrom(claims) };
  return {
    principal,
    steps: [],
    policySteps: [
      newPrincipal(store, { id: principal.id, organization, name, kind: 'user' }),
      insertLink(store, { ...link, created_at: now, last_used_at: now }),
      signInEvent(deps, {
        principal,
        operation: 'principal.create',
        resource: `principals/${principal.id}`,
        details: { after: { name, kind: 'user' }, provider: row.name, subject: claims.sub },
        request,
      }),
    ],
  };
}
