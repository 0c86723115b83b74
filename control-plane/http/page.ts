// Keyset pagination: a cursor is the last row's key, opaque to clients, so that a page never shifts under them.
import { Failure } from '../../protocol/failures.ts';

/** Writes the key of the last row of a page. */
export function encodeCursor(key: string): string {
  return Buffer.from(key, 'utf8').toString('base64url');
}

/** Throws `invalid_cursor` for text that no page of ours gave. */
export function decodeCursor(cursor: string | undefined): string | null {
  if (cursor === undefined) return null;
  const key = Buffer.from(cursor, 'base64url').toString('utf8');
  if (key === '' || encodeCursor(key) !== cursor) {
    throw new Failure('invalid_cursor', 'Use `next_cursor` of the page before, unchanged.');
  }
  return key;
}

/** Makes a page out of one row more than was asked for. */
export function toPage<Row, Item>(
  rows: readonly Row[],
  limit: number,
  shape: { readonly key: (row: Row) => string; readonly item: (row: Row) => Item },
): { readonly items: Item[]; readonly next_cursor: string | null } {
  const items = rows.slice(0, limit);
  const last = items.at(-1);
  return {
    items: items.map(shape.item),
    next_cursor: rows.length > limit && last !== undefined ? encodeCursor(shape.key(last)) : null,
  };
}
