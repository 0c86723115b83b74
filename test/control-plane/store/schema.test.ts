import { readdirSync, readFileSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import ts from 'typescript';
import { expect, it } from 'vitest';
import { migrations } from '../../../control-plane/store/migrate.ts';

interface Column {
  readonly type: 'text' | 'number';
  readonly nullable: boolean;
}
type Tables = Map<string, Map<string, Column>>;

it('is the same in schema.ts as in the migrations: tables, columns, types, nulls', () => {
  expect(ofTypes()).toEqual(ofMigrations());
});

function ofMigrations(): Tables {
  const database = new DatabaseSync(':memory:');
  for (const migration of migrations) for (const statement of migration.statements) database.exec(statement);
  const tables: Tables = new Map();
  for (const { name } of database
    .prepare(`select name from sqlite_master where type = 'table' order by name`)
    .all()) {
    const columns = database
      .prepare(`select name, type, "notnull", pk from pragma_table_info(?)`)
      .all(String(name));
    tables.set(
      String(name),
      new Map(
        columns.map((column) => [
          String(column['name']),
          {
            type: column['type'] === 'bigint' ? 'number' : 'text',
            nullable: column['notnull'] === 0 && column['pk'] === 0,
          },
        ]),
      ),
    );
  }
  return sorted(tables);
}

/** Reads the interfaces as the compiler does, so that the test fails for a wrong type and not only for a name. */
function ofTypes(): Tables {
  const folder = new URL('../../../control-plane/store/', import.meta.url);
  const interfaces = new Map<string, ts.InterfaceDeclaration>();
  for (const name of readdirSync(folder).filter((name) => /^(schema|tables-.*)\.ts$/.test(name))) {
    const text = readFileSync(new URL(name, folder), 'utf8');
    const source = ts.createSourceFile(name, text, ts.ScriptTarget.ESNext, true);
    for (const statement of source.statements) {
      if (ts.isInterfaceDeclaration(statement)) interfaces.set(statement.name.text, statement);
    }
  }
  const tables: Tables = new Map();
  const sets = [...interfaces.keys()].filter((name) => name === 'Database' || name.endsWith('Tables'));
  for (const [table, type] of sets.flatMap((name) => membersOf(interfaces.get(name)))) {
    const columns = membersOf(interfaces.get(type.getText()));
    tables.set(table, new Map(columns.map(([name, columnType]) => [name, columnOf(columnType.getText())])));
  }
  return sorted(tables);
}

function membersOf(declaration: ts.InterfaceDeclaration | undefined): [string, ts.TypeNode][] {
  return (declaration?.members ?? ([] as readonly ts.TypeElement[])).flatMap((member) =>
    ts.isPropertySignature(member) && member.type !== undefined ? [[member.name.getText(), member.type]] : [],
  );
}

function columnOf(type: string): Column {
  const inner = type.replace(/^Generated<(.*)>$/s, '$1');
  const parts = inner
    .split('|')
    .map((part) => part.trim())
    .filter((part) => part !== '');
  const values = parts.filter((part) => part !== 'null');
  const isText = values.every((part) => part === 'string' || part.startsWith("'"));
  if (!isText && values.join() !== 'number') throw new Error(`a column of type ${type}`);
  return { type: isText ? 'text' : 'number', nullable: parts.includes('null') };
}

function sorted(tables: Tables): Tables {
  return new Map([...tables].sort(([a], [b]) => (a < b ? -1 : 1)));
}
