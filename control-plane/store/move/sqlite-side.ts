// The embedded database as a side of a move.
import { storeCopyRowsMax } from '../../../protocol/limits.ts';
import { placeMeta } from '../notes.ts';
import { markPrefix } from '../postgres/find-outcome.ts';
import type { Connection } from '../sqlite/connection.ts';
import { quoted } from './side.ts';
import type { Row, Side, TableShape } from './side.ts';

/** Within a transaction of the caller, so that all tables are of one moment. */
export function sqliteSide(connection: Connection): Side {
  return {
    read: async function* (table) {
      let rows: Row[] = [];
      for (const row of connection.database.prepare(selectSql(table)).iterate()) {
        rows.push(table.columns.map((column) => row[column] as Row[number]));
        if (rows.length < storeCopyRowsMax) continue;
        yield rows;
        rows = [];
      }
      if (rows.length > 0) yield rows;
    },
    write: (table, rows) => {
      const columns = table.columns.map(quoted).join(', ');
      const places = table.columns.map(() => '?').join(', ');
      const sql = `insert into ${quoted(table.name)} (${columns}) values (${places})`;
      for (const row of rows) connection.run(sql, row);
      return Promise.resolve();
    },
  };
}

/** The same text on both engines; what belongs to the place stays there. */
export function selectSql({ name, columns, key }: TableShape): string {
  const own =
    name === 'store_meta'
      ? ` where name not in (${placeMeta.map((meta) => `'${meta}'`).join(', ')}) and name not like '${markPrefix}%'`
      : '';
  return `select ${columns.map(quoted).join(', ')} from ${quoted(name)}${own} order by ${key.map(quoted).join(', ')}`;
}
