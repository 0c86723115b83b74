// The SQL of join and recovery tokens.
import { sql } from 'kysely';
import type { CompiledQuery } from 'kysely';
import { nowMs } from '../store/dialect.ts';
import type { JoinTokensTable } from '../store/schema.ts';
import { step } from '../store/step.ts';
import type { Step, Store } from '../store/store.ts';

export interface JoinTokenRow extends JoinTokensTable {
  readonly organization: string;
  /** By the database's clock, at the moment of the reading. */
  readonly is_expired: number;
  /** The name of the agent that spent it, where it still is one. */
  readonly used_by_name: string | null;
}

export type NewToken = Pick<
  JoinTokensTable,
  'id' | 'project' | 'groups' | 'networks' | 'hash' | 'created_by' | 'agent'
> & { readonly lifeMs: number };

/** Answers `expires_at`. */
export function insertJoinToken(store: Store, token: NewToken): Step {
  const { lifeMs, ...columns } = token;
  const now = nowMs(store.engine);
  return step(
    store.db
      .insertInto('join_tokens')
      .values({
        ...columns,
        created_at: now,
        expires_at: sql<number>`${now} + ${lifeMs}`,
        used_at: null,
        used_by: null,
        used_from: null,
      })
      .returning('expires_at'),
  );
}

export function selectJoinToken(store: Store, id: string): CompiledQuery<JoinTokenRow> {
  return store.db
    .selectFrom('join_tokens')
    .innerJoin('projects', 'projects.id', 'join_tokens.project')
    .leftJoin('agents', 'agents.id', 'join_tokens.used_by')
    .selectAll('join_tokens')
    .select(['projects.organization', 'agents.name as used_by_name'])
    .select(
      sql<number>`case when join_tokens.expires_at <= ${nowMs(store.engine)} then 1 else 0 end`.as(
        'is_expired',
      ),
    )
    .where('join_tokens.id', '=', id)
    .compile();
}

/** Tokens that somebody could still use. */
export function countOpenTokens(store: Store): CompiledQuery<{ open: number }> {
  return store.db
    .selectFrom('join_tokens')
    .select(sql<number>`count(*)`.as('open'))
    .where('used_at', 'is', null)
    .where('expires_at', '>', nowMs(store.engine))
    .compile();
}

/** With its project goes every token that leads into it. */
export function deleteJoinTokensOf(store: Store, project: string): Step {
  return step(store.db.deleteFrom('join_tokens').where('project', '=', project));
}

/** Of any number of callers at once, exactly one gets past this guard. */
export function spendJoinToken(
  store: Store,
  token: { readonly id: string; readonly by: string; readonly from: string },
): Step {
  const now = nowMs(store.engine);
  return step(
    store.db
      .updateTable('join_tokens')
      .set({ used_at: now, used_by: token.by, used_from: token.from })
      .where('id', '=', token.id)
      .where('used_at', 'is', null)
      .where('expires_at', '>', now),
    { name: 'join_token', exactly: 1 },
  );
}

/** Tokens that were spent, or lapsed, before `before` (epoch ms). */
export function deleteJoinTokensBefore(store: Store, before: number): Step {
  return step(
    store.db
      .deleteFrom('join_tokens')
      .where((build) => build.or([build('used_at', '<', before), build('expires_at', '<', before)])),
  );
}
