// The migrations are written once, in SQL that SQLite reads; this makes of a statement what PostgreSQL needs.
// Text is compared byte by byte on both engines: with the collation of a machine, names would be ordered another way
// and indexes would break when the machine's C library changes.

/** Words before `text` that make it something other than the type of a column. */
const notAColumn = new Set(['as', 'returns']);

/** What stands in quotes is left alone. */
const literal = /('(?:[^']|'')*')/;

/** Throws for what has no counterpart, so that a migration which cannot run on PostgreSQL is seen in the first test. */
export function postgresDdl(statement: string): string {
  const foreign = /\b(autoincrement|without\s+rowid|pragma|json_\w+|unixepoch|rowid)\b/i.exec(statement);
  if (foreign !== null) throw new Error(`a migration uses ${foreign[0]}, which PostgreSQL does not have`);
  return statement
    .split(literal)
    .map((part, index) => (index % 2 === 1 ? part : translated(part)))
    .join('');
}

function translated(part: string): string {
  return part
    .replace(/\)\s*strict\s*$/i, ')')
    .replace(/\b([a-z_"]+)(\s+)text\b(?!\s+collate)/gi, (whole, word: string, space: string) =>
      notAColumn.has(word.toLowerCase()) ? whole : `${word}${space}text collate "C"`,
    )
    .replace(/\binteger\b/gi, 'bigint');
}
