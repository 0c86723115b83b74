// A step of a unit as PostgreSQL runs it. Its guards must stay true until the commit, and unlike SQLite there are others
// who write at the same time: rows that a guard read are locked, and a guard on what is not there excludes its like.
import type { RootOperationNode, SelectQueryNode } from 'kysely';
import type { Guard } from '../guard.ts';
import type { Step } from '../store.ts';
import { boundParameters } from '../bind.ts';

export interface Statement {
  readonly sql: string;
  readonly parameters: readonly unknown[];
  readonly guard?: Guard;
  /** What is sent before it, in the same transaction. */
  readonly before: { readonly sql: string; readonly parameters: readonly unknown[] } | null;
}

const lockAbsence = 'select pg_advisory_xact_lock(hashtextextended($1, 0))';

export function statementOf({ query, guard }: Step): Statement {
  const parameters = boundParameters(query);
  if (guard === undefined) return { sql: query.sql, parameters, before: null };
  if (!isSelect(query.query)) return { sql: query.sql, parameters, guard, before: null };
  if (guard.exactly === 0) {
    const before = { sql: lockAbsence, parameters: [`wayside guard ${guard.name}`] };
    return { sql: query.sql, parameters, guard, before };
  }
  const sql = canLock(query.query) ? `${query.sql} for share` : query.sql;
  return { sql, parameters, guard, before: null };
}

/** A statement that was written as text has no tree. */
function isSelect(node: Partial<RootOperationNode>): node is SelectQueryNode {
  return node.kind === 'SelectQueryNode';
}

/** PostgreSQL locks rows only where a row of the answer is a row of a table. */
function canLock(node: SelectQueryNode): boolean {
  const plain =
    node.groupBy === undefined &&
    node.having === undefined &&
    node.distinctOn === undefined &&
    node.setOperations === undefined &&
    node.with === undefined &&
    !(node.frontModifiers ?? []).some(({ modifier }) => modifier === 'Distinct') &&
    // It has a lock of its own.
    (node.endModifiers ?? []).length === 0;
  const joins = (node.joins ?? []).every(({ joinType }) => joinType === 'InnerJoin');
  const columns = (node.selections ?? []).every(
    ({ selection }) => selection.kind === 'ReferenceNode' || selection.kind === 'SelectAllNode',
  );
  const tables = (node.from?.froms ?? []).every(
    (from) =>
      from.kind === 'TableNode' ||
      (from.kind === 'AliasNode' && 'node' in from && isTable(from.node as { kind: string })),
  );
  return plain && joins && columns && tables;
}

function isTable(node: { readonly kind: string }): boolean {
  return node.kind === 'TableNode';
}
