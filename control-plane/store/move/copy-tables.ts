// Copies every table from one side to the other, then reads it there again: what is not the same to the last row is no
// move.
import { Failure } from '../../../protocol/failures.ts';
import { digestOf, openDigest, tableShapes } from './side.ts';
import type { CopiedTable, Side } from './side.ts';

/** Throws `store_failed` for the first table that does not read back as it was. */
export async function copyTables(from: Side, to: Side): Promise<readonly CopiedTable[]> {
  const copied: CopiedTable[] = [];
  for (const table of tableShapes()) {
    const sent = openDigest(table);
    for await (const rows of from.read(table)) {
      sent.add(rows);
      await to.write(table, rows);
    }
    const expected = sent.end();
    const found = await digestOf(to, table);
    if (found.rows !== expected.rows || found.digest !== expected.digest) {
      throw new Failure(
        'store_failed',
        `The table ${table.name} did not arrive as it was: ${expected.rows} rows left, ${found.rows} are there, and ` +
          'their hashes differ. Nothing was moved.',
        { details: { expected, found } },
      );
    }
    copied.push(expected);
  }
  return copied;
}
