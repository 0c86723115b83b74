// The SQL of the rows of control planes, and of what the end of one means for the agents that it held.
import type { CompiledQuery } from 'kysely';
import { sql } from 'kysely';
import { nowMs } from '../store/dialect.ts';
import { step } from '../store/step.ts';
import type { Step, Store } from '../store/store.ts';
import type { InSession } from './store.ts';

/** Writes the row anew where it was taken away. */
export function insertServer(store: Store, server: { readonly id: string; readonly address: string }): Step {
  const now = nowMs(store.engine);
  return step(
    store.db
      .insertInto('servers')
      .values({ ...server, started_at: now, last_seen_at: now })
      .onConflict((conflict) => conflict.column('id').doUpdateSet({ last_seen_at: now })),
  );
}

/** Changes no row where another process took it for lost. */
export function renewServer(store: Store, id: string): Step {
  return step(
    store.db
      .updateTable('servers')
      .set({ last_seen_at: nowMs(store.engine) })
      .where('id', '=', id),
  );
}

export function deleteServer(store: Store, id: string): Step {
  return step(store.db.deleteFrom('servers').where('id', '=', id));
}

/** Other processes that were not seen for `silentMs`. */
export function selectLostServers(
  store: Store,
  of: { readonly me: string; readonly silentMs: number },
): CompiledQuery<{ readonly id: string; readonly address: string }> {
  return store.db
    .selectFrom('servers')
    .select(['id', 'address'])
    .where('id', '!=', of.me)
    .where(sql<boolean>`last_seen_at + ${of.silentMs} <= ${nowMs(store.engine)}`)
    .compile();
}

export function deleteLostServers(
  store: Store,
  of: { readonly me: string; readonly silentMs: number },
): Step {
  return step(
    store.db
      .deleteFrom('servers')
      .where('id', '!=', of.me)
      .where(sql<boolean>`last_seen_at + ${of.silentMs} <= ${nowMs(store.engine)}`),
  );
}

/** Nobody is connected to a process that has no row. */
export function endSessionsOfNobody(store: Store): Step {
  return step(
    store.db
      .updateTable('agents')
      .set({ disconnected_at: nowMs(store.engine) })
      .where('connected_at', 'is not', null)
      .where('disconnected_at', 'is', null)
      .where((e) =>
        e.or([
          e('server', 'is', null),
          e.not(
            e.exists(
              e.selectFrom('servers').select('servers.id').whereRef('servers.id', '=', 'agents.server'),
            ),
          ),
        ]),
      ),
  );
}

/** The session goes on after all: its process was only slow, or cut off from the database. */
export function reviveSession(store: Store, { agentId, session }: InSession): Step {
  return step(
    store.db
      .updateTable('agents')
      .set({ disconnected_at: null, last_seen_at: nowMs(store.engine) })
      .where('id', '=', agentId)
      .where('session', '=', session)
      .where('status', '=', 'active')
      .where('disconnected_at', 'is not', null),
  );
}
