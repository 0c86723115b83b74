// PostgreSQL as a side of a move.
import { storeCopyRowsMax } from '../../../protocol/limits.ts';
import type { Link } from '../postgres/link.ts';
import { quoted } from './side.ts';
import type { Row, Side } from './side.ts';
import { selectSql } from './sqlite-side.ts';

/** Within a transaction of the caller, so that all tables are of one moment. */
export function postgresSide(link: Link): Side {
  return {
    read: async function* (table) {
      await link.send(`declare copying no scroll cursor for ${selectSql(table)}`);
      try {
        for (;;) {
          const { rows } = await link.send(`fetch ${storeCopyRowsMax} from copying`);
          if (rows.length === 0) return;
          yield rows.map((row) => table.columns.map((column) => row[column] as Row[number]));
        }
      } finally {
        // It may be that the transaction is over.
        await link.send('close copying').catch(() => undefined);
      }
    },
    write: async (table, rows) => {
      // The rows are one parameter, whatever their number; the types are those of the table.
      const columns = table.columns.map(quoted).join(', ');
      const json = JSON.stringify(
        rows.map((row) => Object.fromEntries(table.columns.map((column, index) => [column, row[index]]))),
      );
      await link.send(
        `insert into ${quoted(table.name)} (${columns})
         select ${columns} from json_populate_recordset(null::${quoted(table.name)}, cast($1 as json))`,
        [json],
      );
    },
  };
}

/** Puts off looking at references until `act` is done, because tables refer to one another in any order. */
export async function withoutReferences(link: Link, act: () => Promise<void>): Promise<void> {
  const { rows } = await link.send(
    `select conrelid::regclass::text as owner, quote_ident(conname) as name from pg_constraint
      where contype = 'f' and connamespace = current_schema()::regnamespace`,
  );
  for (const { owner, name } of rows) {
    await link.send(
      `alter table ${String(owner)} alter constraint ${String(name)} deferrable initially deferred`,
    );
  }
  await act();
  await link.send('set constraints all immediate');
  for (const { owner, name } of rows) {
    await link.send(`alter table ${String(owner)} alter constraint ${String(name)} not deferrable`);
  }
}
