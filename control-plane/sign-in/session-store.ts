// The SQL of sessions and elevations.
import type { CompiledQuery } from 'kysely';
import { knownDevicesMax, sessionKeptMs, signInSweepRowsMax } from '../../protocol/limits-authority.ts';
import { compileOnce, perStore, step } from '../store/step.ts';
import type { Step, Store } from '../store/store.ts';
import type { ElevationsTable, KnownDevicesTable, SessionsTable } from '../store/tables-sign-in.ts';

export interface SessionRow extends SessionsTable {
  elevated_at: number | null;
  elevated_until: number | null;
}

const byHash = perStore((store) =>
  compileOnce({ hash: '' }, (value) =>
    store.db
      .selectFrom('sessions')
      .leftJoin('elevations', 'elevations.credential', 'sessions.id')
      .selectAll('sessions')
      .select(['elevations.elevated_at', 'elevations.elevated_until'])
      .where('sessions.hash', '=', value.hash)
      .where('sessions.ended_at', 'is', null),
  ),
);

export function selectSessionByHash(store: Store, hash: string): CompiledQuery<SessionRow> {
  return byHash(store)({ hash });
}

/** Also one that has ended. */
export function selectSession(store: Store, id: string): CompiledQuery<SessionRow> {
  return sessionsWithElevation(store).where('sessions.id', '=', id).compile();
}

/** Newest first; those that have not ended, from `after` on. Which of them are good is a matter of time. */
export function selectSessions(
  store: Store,
  page: { readonly principal: string; readonly after: string | null; readonly limit: number },
): CompiledQuery<SessionRow> {
  let query = sessionsWithElevation(store)
    .where('sessions.principal', '=', page.principal)
    .where('sessions.ended_at', 'is', null);
  if (page.after !== null) query = query.where('sessions.id', '<', page.after);
  return query
    .orderBy('sessions.id', 'desc')
    .limit(page.limit + 1)
    .compile();
}

function sessionsWithElevation(store: Store) {
  return store.db
    .selectFrom('sessions')
    .leftJoin('elevations', 'elevations.credential', 'sessions.id')
    .selectAll('sessions')
    .select(['elevations.elevated_at', 'elevations.elevated_until']);
}

export function insertSession(store: Store, row: SessionsTable): Step {
  return step(store.db.insertInto('sessions').values(row));
}

export function touchSession(store: Store, id: string, at: number): Step {
  return step(store.db.updateTable('sessions').set({ last_seen_at: at }).where('id', '=', id));
}

/** The same session under another cookie, after somebody showed again who they are. */
export function renewSession(
  store: Store,
  session: { readonly id: string; readonly hash: string; readonly methods: string; readonly at: number },
): Step {
  const { id, hash, methods, at } = session;
  const update = store.db
    .updateTable('sessions')
    .set({ hash, methods, authenticated_at: at, last_seen_at: at })
    .where('id', '=', id)
    .where('ended_at', 'is', null);
  return step(update, { name: 'session', exactly: 1 });
}

export function endSession(
  store: Store,
  end: { readonly id: string; readonly at: number; readonly why: string },
): Step {
  return step(
    store.db
      .updateTable('sessions')
      .set({ ended_at: end.at, end_reason: end.why })
      .where('id', '=', end.id)
      .where('ended_at', 'is', null),
  );
}

/** All sessions of a principal, but for one where that goes on. */
export function endSessions(
  store: Store,
  end: {
    readonly principal: string;
    readonly except: string | null;
    readonly at: number;
    readonly why: string;
  },
): Step {
  let query = store.db
    .updateTable('sessions')
    .set({ ended_at: end.at, end_reason: end.why })
    .where('principal', '=', end.principal)
    .where('ended_at', 'is', null);
  if (end.except !== null) query = query.where('id', '!=', end.except);
  return step(query);
}

export function putElevation(store: Store, row: ElevationsTable): Step {
  const { credential: _credential, ...rest } = row;
  return step(
    store.db
      .insertInto('elevations')
      .values(row)
      .onConflict((conflict) => conflict.column('credential').doUpdateSet(rest)),
  );
}

export function selectElevation(store: Store, credential: string): CompiledQuery<ElevationsTable> {
  return store.db.selectFrom('elevations').selectAll().where('credential', '=', credential).compile();
}

export function endElevation(store: Store, credential: string): Step {
  return step(store.db.deleteFrom('elevations').where('credential', '=', credential));
}

/** The browser that a cookie names and the networks of an account, most recent first. */
export function selectDevices(store: Store, principal: string): CompiledQuery<KnownDevicesTable> {
  return store.db
    .selectFrom('known_devices')
    .selectAll()
    .where('principal', '=', principal)
    .orderBy('last_seen_at', 'desc')
    .limit(knownDevicesMax)
    .compile();
}

export function putDevice(store: Store, row: KnownDevicesTable): Step {
  const { network, last_seen_at } = row;
  return step(
    store.db
      .insertInto('known_devices')
      .values(row)
      .onConflict((conflict) =>
        conflict.columns(['principal', 'hash']).doUpdateSet({ network, last_seen_at }),
      ),
  );
}

export function forgetDevices(store: Store, principal: string): Step {
  return step(store.db.deleteFrom('known_devices').where('principal', '=', principal));
}

/** Removes what has been over for long: sessions, and elevations whose time has passed. */
export function forgetSessions(store: Store, at: number): readonly Step[] {
  const over = store.db
    .selectFrom('sessions')
    .select('id')
    .where('expires_at', '<=', at - sessionKeptMs)
    .limit(signInSweepRowsMax);
  const lapsed = store.db
    .selectFrom('elevations')
    .select('credential')
    .where('elevated_until', '<=', at)
    .limit(signInSweepRowsMax);
  return [
    step(store.db.deleteFrom('sessions').where('id', 'in', over)),
    step(store.db.deleteFrom('elevations').where('credential', 'in', lapsed)),
  ];
}
