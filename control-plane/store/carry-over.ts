// What the data that a restore sets aside knows and the backup does not: rights that were taken away in between, and
// lives of the store. Best effort: the data may be what made the restore necessary.
import { existsSync } from 'node:fs';
import type { SQLInputValue } from 'node:sqlite';
import { openReadingConnection } from './sqlite/connection.ts';
import type { Connection } from './sqlite/connection.ts';
import type { EarlierLife } from './end-what-was-alive.ts';

/** Reads from the old data; each row of it is applied to the new one, where the same thing is not taken away yet. */
interface TakenAway {
  /** Its columns are the parameters of `apply`, in their order. */
  readonly read: string;
  readonly apply: string;
}

/**
 * What was only removed, and not revoked (roles, passkeys), is not here: to have it back may be why somebody restores,
 * and without any of it nobody could sign in.
 */
const takenAway: readonly TakenAway[] = [
  {
    read: `select revoked_at, id from agents where status = 'revoked'`,
    apply: `update agents set status = 'revoked', revoked_at = ? where id = ? and status <> 'revoked'`,
  },
  {
    read: `select id from agents where status = 'quarantined'`,
    apply: `update agents set status = 'quarantined' where id = ? and status in ('active', 'pending_approval')`,
  },
  {
    read: `select revoked_at, id from tokens where revoked_at is not null`,
    apply: `update tokens set revoked_at = ? where id = ? and revoked_at is null`,
  },
  {
    read: `select revoked_at, id from oauth_credentials where revoked_at is not null`,
    apply: `update oauth_credentials set revoked_at = ? where id = ? and revoked_at is null`,
  },
  {
    read: `select id, revoked_at, keep_until from oauth_revocations`,
    apply: `insert into oauth_revocations (id, revoked_at, keep_until) values (?, ?, ?) on conflict do nothing`,
  },
  // A password that was changed since is not good any more; its owner asks for a link.
  {
    read: `select principal, changed_at from passwords`,
    apply: `delete from passwords where principal = ? and changed_at < ?`,
  },
  {
    read: `select disabled_at, id from principals where disabled_at is not null`,
    apply: `update principals set disabled_at = ? where id = ? and disabled_at is null`,
  },
  {
    read: `select revoked_at, revoked_reason, serial from pki_leaves where revoked_at is not null`,
    apply: `update pki_leaves set revoked_at = ?, revoked_reason = ? where serial = ? and revoked_at is null`,
  },
  {
    // One that issued when the backup was made has no successor there: a person must replace it first.
    read: `select retired_at, id from pki_authorities where state = 'retired'`,
    apply: `update pki_authorities set state = 'retired', retired_at = ? where id = ? and state not in ('active', 'retired')`,
  },
];

export interface Carried {
  readonly lives: readonly EarlierLife[];
  readonly apply: readonly {
    readonly sql: string;
    readonly values: SQLInputValue[];
  }[];
}

const nothing: Carried = { lives: [], apply: [] };

/** Nothing where there is no database, where it cannot be read, and where it is another installation's. */
export function readCarried(path: string, trustDomain: string): Carried {
  if (!existsSync(path)) return nothing;
  try {
    const old = openReadingConnection(path);
    try {
      const [domain] = rowsOf(old, `select value from store_meta where name = 'trust_domain'`);
      if (domain?.['value'] !== trustDomain) return nothing;
      return { lives: livesOf(old), apply: takenAway.flatMap((kind) => appliedOf(old, kind)) };
    } finally {
      old.close();
    }
  } catch {
    return nothing;
  }
}

/** Its own life, and those that it knew of. */
function livesOf(old: Connection): readonly EarlierLife[] {
  const rows = [
    ...rowsOf(old, `select value as incarnation from store_meta where name = 'incarnation'`),
    ...rowsOf(old, 'select incarnation from store_incarnations'),
  ];
  return rows.map((row) => ({ incarnation: String(row['incarnation']), reason: 'replaced' }));
}

function appliedOf(old: Connection, { read, apply }: TakenAway): Carried['apply'] {
  return rowsOf(old, read).map((row) => ({
    sql: apply,
    values: Object.values(row) as SQLInputValue[],
  }));
}

/** A table that an older program did not have says nothing. */
function rowsOf(old: Connection, sql: string): readonly Record<string, unknown>[] {
  try {
    return old.run(sql).rows;
  } catch {
    return [];
  }
}

/** Inside the caller's transaction. Answers how many things of each kind are taken away again. */
export function applyCarried(fresh: Connection, carried: Carried): number {
  let changes = 0;
  for (const { sql, values } of carried.apply) changes += fresh.run(sql, values).changes;
  return changes;
}
