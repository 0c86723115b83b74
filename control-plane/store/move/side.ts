// What an engine gives to a move: its rows table by table in one order, and a place for those of the other side.
import { createHash } from 'node:crypto';
import { DatabaseSync } from 'node:sqlite';
import { migrations } from '../migrate.ts';

export interface TableShape {
  readonly name: string;
  readonly columns: readonly string[];
  /** What orders the rows: the primary key. */
  readonly key: readonly string[];
}

export type Value = string | number | null;
export type Row = readonly Value[];

export interface Side {
  /** All rows in the order of the key, some at a time; each row in the order of the columns. */
  read(table: TableShape): AsyncIterable<readonly Row[]>;
  write(table: TableShape, rows: readonly Row[]): Promise<void>;
}

export interface CopiedTable {
  readonly table: string;
  readonly rows: number;
  /** SHA-256 over all rows in their order. */
  readonly digest: string;
}

/** The tables of the newest schema, from the migrations themselves; without the table that remembers those. */
export function tableShapes(): readonly TableShape[] {
  const database = new DatabaseSync(':memory:');
  try {
    for (const migration of migrations) {
      for (const statement of migration.statements) database.exec(statement);
    }
    const tables = database
      .prepare(
        `select name from sqlite_master where type = 'table' and name not like 'sqlite_%' order by name`,
      )
      .all();
    return tables.map(({ name }) => {
      const columns = database.prepare('select name, pk from pragma_table_info(?)').all(String(name));
      const key = columns
        .filter(({ pk }) => Number(pk) > 0)
        .sort((a, b) => Number(a['pk']) - Number(b['pk']));
      const names = (of: typeof columns) => of.map((column) => String(column['name']));
      return { name: String(name), columns: names(columns), key: names(key.length > 0 ? key : columns) };
    });
  } finally {
    database.close();
  }
}

/** Takes rows in and says in the end what they were. */
export function openDigest(table: TableShape): { add(rows: readonly Row[]): void; end(): CopiedTable } {
  const hash = createHash('sha256');
  let count = 0;
  return {
    add: (rows) => {
      count += rows.length;
      for (const row of rows) hash.update(JSON.stringify(row)).update('\n');
    },
    end: () => ({ table: table.name, rows: count, digest: `sha256:${hash.digest('hex')}` }),
  };
}

/** What a side holds. */
export async function digestOf(side: Side, table: TableShape): Promise<CopiedTable> {
  const digest = openDigest(table);
  for await (const rows of side.read(table)) digest.add(rows);
  return digest.end();
}

export function quoted(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}
