// Sessions of browsers: which cookie is a good one, and what it says about who asks.
import { sessionIdleMsMax, sessionTouchMsMin } from '../../protocol/limits-authority.ts';
import type { PrincipalRecord } from '../authority/policy.ts';
import { accountOf } from './account.ts';
import type { SignedIn } from './contract.ts';
import type { SignInDeps } from './deps.ts';
import { acrOf, parseMethods } from './methods.ts';
import { hashSecret } from './one-time-secret.ts';
import { selectElevation, selectSession, selectSessionByHash, touchSession } from './session-store.ts';
import type { SessionRow } from './session-store.ts';

type Deps = Pick<SignInDeps, 'store' | 'authority'>;

export interface GoodSession {
  readonly row: SessionRow;
  readonly principal: PrincipalRecord;
}

/** The session of a cookie, or null where it ended, was idle or long for too much, or its principal is disabled. */
export async function readSession(deps: Deps, cookie: string, now: number): Promise<GoodSession | null> {
  const [rows] = await deps.store.glance([selectSessionByHash(deps.store, hashSecret(cookie))]);
  const row = rows?.[0] as SessionRow | undefined;
  return row === undefined ? null : goodSession(deps, row, now);
}

export async function readSessionById(deps: Deps, id: string, now: number): Promise<GoodSession | null> {
  const [row] = await deps.store.read(selectSession(deps.store, id));
  return row === undefined ? null : goodSession(deps, row, now);
}

/** The session, where its row is that of a good one. */
export function goodSession({ store, authority }: Deps, row: SessionRow, now: number): GoodSession | null {
  const principal = accountOf(authority.policy(), row.principal);
  const isGood =
    row.ended_at === null &&
    now < row.expires_at &&
    now - row.last_seen_at < sessionIdleMsMax &&
    row.store_incarnation === store.incarnation;
  return isGood && principal !== null ? { row, principal } : null;
}

/** Until when it is elevated, or null. */
export function elevatedUntil(row: Pick<SessionRow, 'elevated_until'>, now: number): number | null {
  return row.elevated_until !== null && row.elevated_until > now ? row.elevated_until : null;
}

/** Epoch ms of the last time that the person showed who they are. */
export function authenticatedAt(row: SessionRow): number {
  return Math.max(row.authenticated_at, row.elevated_at ?? 0);
}

export function signedInBy({ row, principal }: GoodSession, now: number): SignedIn {
  const amr = parseMethods(row.methods);
  const until = elevatedUntil(row, now);
  return {
    principalId: principal.id,
    authenticatedAt: authenticatedAt(row),
    acr: acrOf(amr, until !== null),
    amr,
    sessionId: row.id,
    elevatedUntil: until,
  };
}

/** Until when a credential that is no session is elevated, or null. */
export async function elevationOf(deps: Deps, credential: string, now: number): Promise<number | null> {
  const [row] = await deps.store.read(selectElevation(deps.store, credential));
  return row === undefined ? null : elevatedUntil(row, now);
}

/** Notes that a session is used, once a minute at the most. Nobody waits for it. */
export function openTouch({ store }: Pick<Deps, 'store'>): (row: SessionRow, now: number) => void {
  const touched = new Map<string, number>();
  return (row, now) => {
    const last = Math.max(row.last_seen_at, touched.get(row.id) ?? 0);
    if (now - last < sessionTouchMsMin) return;
    touched.delete(row.id);
    touched.set(row.id, now);
    for (const [id, at] of touched) {
      if (now - at < sessionTouchMsMin) break;
      touched.delete(id);
    }
    store.write([touchSession(store, row.id, now)]).catch(() => touched.delete(row.id));
  };
}
