// The token of one attempt of a run: what it is, and whether one that is presented is good now. Read of the run's own row
// each time, on whichever control plane: it ends in the commit that ends the attempt, and nothing remembers it longer.
import { Failure } from '../../protocol/failures.ts';
import { runTokenSchema, tokenPrefixes } from '../../protocol/ids.ts';
import { permissionsOfRuns } from '../../protocol/permissions.ts';
import { bearerOf, invalidToken } from '../authority/authenticate.ts';
import type { Authority } from '../authority/authority.ts';
import type { Authenticator, Caller } from '../authority/caller.ts';
import { hashToken } from '../authority/token.ts';
import type { Store } from '../store/store.ts';
import type { RunAuthority, RunsDeps } from './contract.ts';
import { runResourceOf } from './run-resource.ts';
import { runTokenQueries } from './store-run-token.ts';
import type { PresentedTokenRow } from './store-run-token.ts';

/** The text goes to the agent, sealed, and nowhere else; what is stored is the hash. */
export interface RunToken {
  readonly text: string;
  readonly hash: string;
}

/** Two salts are 32 random bytes. */
export function mintRunToken(random: Pick<RunsDeps['random'], 'salt'>): RunToken {
  const text = tokenPrefixes.run + random.salt() + random.salt();
  return { text, hash: hashToken(text) };
}

interface Deps {
  readonly store: Store;
  readonly authority: Pick<Authority, 'policy'>;
  readonly runAuthority: Pick<RunAuthority, 'mayStill'>;
}

/**
 * Null where no token of a run was presented. Throws `invalid_token` for one that was never made, and `run_token_ended`
 * where its attempt is over or its agent gone, or where whoever pressed may not start such a run any more (rules.md 17).
 */
export function runTokenAuthenticator(deps: Deps): Authenticator {
  const queries = runTokenQueries(deps.store);
  return async (presented) => {
    const bearer = bearerOf(presented);
    if (bearer === null || !bearer.startsWith(tokenPrefixes.run)) return null;
    if (!runTokenSchema.safeParse(bearer).success) throw invalidToken();
    const [rows] = await deps.store.glance([queries.presentedToken({ hash: hashToken(bearer) })]);
    const row = (rows as readonly PresentedTokenRow[] | undefined)?.[0];
    if (row === undefined) throw invalidToken();
    return callerOf(deps, row);
  };
}

function callerOf({ authority, runAuthority }: Deps, row: PresentedTokenRow): Caller {
  const requester = authority.policy().principals.get(row.requested_by);
  if (row.good !== 1 || requester === undefined || !runAuthority.mayStill(row)) throw runTokenEnded();
  return {
    principal: {
      id: row.id,
      organization: row.organization,
      name: `${row.action_name}#${row.sequence}`,
      kind: 'run',
      disabled: false,
    },
    // The run does it, and whoever pressed answers for it.
    actors: [requester],
    credential: {
      kind: 'run_token',
      id: `${row.id}/${row.attempt}`,
      name: `attempt ${row.attempt}`,
      permissions: permissionsOfRuns,
      within: runResourceOf(row),
      elevated: false,
      authenticatedAt: null,
      expiresAt: row.token_expires_at,
    },
  };
}

/** The attempt that a credential of `runTokenAuthenticator` speaks for. */
export function attemptOf({ credential }: Pick<Caller, 'credential'>): number {
  if (credential?.kind !== 'run_token') throw new Error('only a run has a token of a run');
  return Number(credential.id.split('/')[1]);
}

export function runTokenEnded(): Failure {
  return new Failure(
    'run_token_ended',
    'The token was for one attempt of a run, and is gone with it: that attempt does not go on any more.',
  );
}
