// Whether this process can serve, for whoever sends it requests and agents: asked as often as a balancer likes, found
// out once a second.
import type { CompiledQuery } from 'kysely';
import { migrations } from '../store/migrate.ts';
import type { Store } from '../store/store.ts';

export interface Hindrance {
  readonly code: 'leaving' | 'store_away' | 'store_schema' | 'policy_stale' | 'agents_not_listening';
  readonly message: string;
}

export interface Readiness {
  /** Empty where everything is well. */
  hindrances(): Promise<readonly Hindrance[]>;
  /** From now on it is not ready any more. */
  leave(): void;
}

export interface ReadinessDeps {
  readonly store: Pick<Store, 'db' | 'read'>;
  readonly isPolicyFresh: () => boolean;
  readonly agentsListen: () => boolean;
  /** Milliseconds that only go on. */
  readonly elapsed: () => number;
}

/** A balancer that asks every few seconds must not wait for a database that does not answer. */
const answerMsMax = 1_000;
const foundOutForMs = 1_000;

const leaving: Hindrance = { code: 'leaving', message: 'This process is ending.' };

export function openReadiness(deps: ReadinessDeps): Readiness {
  const newest = deps.store.db
    .selectFrom('migrations' as never)
    .select((e) => e.fn.max('number' as never).as('number'))
    .compile() as unknown as CompiledQuery<{ readonly number: number | null }>;
  let isLeaving = false;
  let found: { readonly at: number; readonly of: Promise<Hindrance | null> } | null = null;
  const storeHindrance = (): Promise<Hindrance | null> => {
    const now = deps.elapsed();
    if (found === null || now - found.at >= foundOutForMs)
      found = { at: now, of: lookAtStore(deps.store, newest) };
    return found.of;
  };
  return {
    async hindrances() {
      if (isLeaving) return [leaving];
      const store = await storeHindrance();
      return [
        ...(isLeaving ? [leaving] : []),
        ...(store === null ? [] : [store]),
        ...(deps.isPolicyFresh() ? [] : [stalePolicy]),
        ...(deps.agentsListen() ? [] : [noListener]),
      ];
    },
    leave() {
      isLeaving = true;
    },
  };
}

const stalePolicy: Hindrance = {
  code: 'policy_stale',
  message: 'Who may do what has not been readable for a while.',
};
const noListener: Hindrance = {
  code: 'agents_not_listening',
  message: 'The listener for agents is not open.',
};
const away: Hindrance = { code: 'store_away', message: 'The database does not answer.' };

async function lookAtStore(
  store: ReadinessDeps['store'],
  newest: CompiledQuery<{ readonly number: number | null }>,
): Promise<Hindrance | null> {
  let timer: NodeJS.Timeout | undefined;
  const bound = new Promise<'late'>((resolve) => {
    timer = setTimeout(() => resolve('late'), answerMsMax);
  });
  try {
    const rows = await Promise.race([store.read(newest), bound]);
    if (rows === 'late') return away;
    const applied = Number(rows[0]?.number ?? 0);
    const known = Math.max(...migrations.map(({ number }) => number));
    if (applied === known) return null;
    return {
      code: 'store_schema',
      message: `The schema of the database is at ${applied}, this program is of ${known}.`,
    };
  } catch {
    return away;
  } finally {
    clearTimeout(timer);
  }
}
