// Runs reading statements so that all of them see one snapshot.
import type { Connection } from './connection.ts';
import { describeFailure } from './failure.ts';
import type { Answer, Statement } from './messages.ts';

/** Several statements see one snapshot; a single one is a snapshot by itself. */
export function readSnapshot(connection: Connection, statements: readonly Statement[]): Answer {
  let sql = '';
  try {
    if (statements.length > 1) connection.run('begin');
    const results = statements.map((statement) => {
      sql = statement.sql;
      return connection.run(sql, statement.parameters);
    });
    return { results };
  } catch (cause) {
    return { failure: describeFailure(cause, sql) };
  } finally {
    if (connection.database.isTransaction) connection.run('commit');
  }
}
