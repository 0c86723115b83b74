// The few points in which SQLite and PostgreSQL differ, so that every query is written once.
import { sql } from 'kysely';
import type { RawBuilder } from 'kysely';
import type { Store } from './store.ts';

type Engine = Store['engine'];

/**
 * Now, by the database's clock, in epoch milliseconds. Leases, expiry and all stored times use it, never the clock
 * of a process. In SQLite it is a REAL, hence the cast.
 */
export function nowMs(engine: Engine): RawBuilder<number> {
  return engine === 'sqlite'
    ? sql<number>`cast(round(unixepoch('subsec') * 1000) as integer)`
    : sql<number>`cast(extract(epoch from clock_timestamp()) * 1000 as bigint)`;
}

/** The larger of two values, neither of which is null. */
export function larger(engine: Engine, a: RawBuilder<number>, b: RawBuilder<number>): RawBuilder<number> {
  return engine === 'sqlite' ? sql<number>`max(${a}, ${b})` : sql<number>`greatest(${a}, ${b})`;
}

/** The part of a select query that a lock is put on. */
interface Lockable<Query> {
  forUpdate(): { skipLocked(): Query };
}

/**
 * Makes the inner select of a claim skip rows that another replica is claiming: it loses them at once, and never waits
 * for, nor deadlocks with, whoever is faster. SQLite has one writer, so there is nothing to skip.
 */
export function lockClaim<Query extends Lockable<Query>>(engine: Engine, query: Query): Query {
  return engine === 'sqlite' ? query : query.forUpdate().skipLocked();
}

/**
 * Orders rows by when they were committed. On PostgreSQL by the transaction that wrote them last and their place in it:
 * those of one control plane follow one another, and those of several are as good as at once.
 */
export function commitOrder(engine: Engine): RawBuilder<unknown> {
  return engine === 'sqlite' ? sql`rowid` : sql`(-age(xmin), cast(cast(cmin as text) as bigint))`;
}
