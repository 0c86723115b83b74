// What a restore ends, so that nothing that was taken away after the backup comes back without a word (rules.md 12):
// sessions, join tokens, personal tokens, and the right of agents to be let in unasked.
import { randomUUID } from 'node:crypto';
import { restoredSessionsStep } from '../../protocol/limits.ts';
import type { Connection } from './sqlite/connection.ts';

/** What the operator vouches for; without a word, nothing. */
export interface Vouched {
  /** No agent was revoked or put aside since the backup: they come back by themselves. */
  readonly trustAgents: boolean;
  /** No token and no credential was revoked, and no principal disabled, since the backup. */
  readonly keepTokens: boolean;
}

export interface Ended {
  /** Agents whose sessions were ended; of them, those that wait for a person until they are let in again. */
  readonly agents: number;
  readonly agents_held: number;
  readonly join_tokens: number;
  /** Personal tokens and credentials of services that were ended, and those that work as they did when the backup was made. */
  readonly tokens_ended: number;
  readonly tokens: number;
  /** Counts the times that rights had to be confirmed anew. */
  readonly epoch: number;
  readonly to_incarnation: string;
}

/** An earlier life of this store whose intents agents may still hold. */
export interface EarlierLife {
  readonly incarnation: string;
  readonly reason: 'restore' | 'replaced';
}

/** Inside the caller's transaction. */
export function endWhatWasAlive(
  connection: Connection,
  facts: Vouched & {
    readonly now: number;
    readonly backupAt: number;
    readonly earlier: readonly EarlierLife[];
  },
): Ended {
  const { now, backupAt, earlier, trustAgents, keepTokens } = facts;
  const epoch = advanceEpoch(connection);
  for (const { incarnation, reason } of earlier) {
    connection.run(
      `insert into store_incarnations (incarnation, epoch, reason, backup_at, ended_at) values (?, ?, ?, ?, ?)
       on conflict (incarnation) do nothing`,
      [incarnation, epoch, reason, backupAt, now],
    );
  }
  const to = randomUUID();
  setMeta(connection, 'incarnation', to);
  // Higher than any number that was given out after the backup, so that what still comes under one is refused.
  const agents = connection.run(
    `update agents set session = session + ?, incarnation = null, may_be_ahead = 1,
       disconnected_at = case when connected_at is null then disconnected_at else ? end`,
    [restoredSessionsStep, now],
  ).changes;
  const held = trustAgents
    ? 0
    : connection.run(`update agents set status = 'pending_approval' where status = 'active'`).changes;
  const joinTokens = connection.run(
    'update join_tokens set expires_at = ? where used_at is null and expires_at > ?',
    [now, now],
  ).changes;
  endSignIns(connection, now);
  const ended = keepTokens ? 0 : endTokens(connection, now);
  return {
    agents,
    agents_held: held,
    join_tokens: joinTokens,
    tokens_ended: ended,
    tokens: countTokens(connection, now),
    epoch,
    to_incarnation: to,
  };
}

/**
 * What people are signed in by, and what is under way: sessions, elevations, links, grants with their refresh tokens.
 * An access token of before may still be taken for the minutes of its life.
 */
function endSignIns(connection: Connection, now: number): void {
  connection.run('update sessions set ended_at = ? where ended_at is null', [now]);
  connection.run('update sign_in_links set expires_at = ? where used_at is null and expires_at > ?', [
    now,
    now,
  ]);
  for (const table of ['elevations', 'sign_in_attempts', 'oauth_artifacts']) {
    connection.run(`delete from ${table}`);
  }
}

function endTokens(connection: Connection, now: number): number {
  let ended = 0;
  for (const table of ['tokens', 'oauth_credentials']) {
    ended += connection.run(
      `update ${table} set revoked_at = ? where revoked_at is null and (expires_at is null or expires_at > ?)`,
      [now, now],
    ).changes;
  }
  return ended;
}

export function setMeta(connection: Connection, name: string, value: string): void {
  connection.run(
    'insert into store_meta (name, value) values (?, ?) on conflict (name) do update set value = excluded.value',
    [name, value],
  );
}

function advanceEpoch(connection: Connection): number {
  const [row] = connection.run(
    `insert into store_meta (name, value) values ('revocation_epoch', '1')
     on conflict (name) do update set value = cast(cast(value as integer) + 1 as text) returning value`,
  ).rows;
  return Number(row?.['value']);
}

function countTokens(connection: Connection, now: number): number {
  let count = 0;
  for (const table of ['tokens', 'oauth_credentials']) {
    const [row] = connection.run(
      `select count(*) as count from ${table} where revoked_at is null and (expires_at is null or expires_at > ?)`,
      [now],
    ).rows;
    count += Number(row?.['count']);
  }
  return count;
}
