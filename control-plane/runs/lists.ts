// A list as one parameter, so that a statement keeps its text however long the list is.
import { sql } from 'kysely';
import type { RawBuilder } from 'kysely';
import type { Store } from '../store/store.ts';

/** A sub-select over a JSON list of strings, for `in`. `list` is JSON text. */
export function textList(engine: Store['engine'], list: string): RawBuilder<string> {
  return engine === 'sqlite'
    ? sql<string>`(select value from json_each(${list}))`
    : sql<string>`(select value from jsonb_array_elements_text(cast(${list} as jsonb)) as listed(value))`;
}

/** The elements of a JSON list of objects as rows, with their place from 0 and their members as text. */
export function jsonRows(engine: Store['engine'], list: string) {
  return engine === 'sqlite'
    ? {
        rows: sql<object>`json_each(${list})`,
        at: sql<number>`given.key`,
        text: (member: string) => sql<string>`json_extract(given.value, ${sql.lit(`$.${member}`)})`,
      }
    : {
        rows: sql<object>`(select ordinality - 1 as key, value
          from jsonb_array_elements(cast(${list} as jsonb)) with ordinality)`,
        at: sql<number>`given.key`,
        text: (member: string) => sql<string>`given.value ->> ${sql.lit(member)}`,
      };
}

/** The JSON text of a list of strings. */
export function listOf(texts: Iterable<string>): string {
  return JSON.stringify([...texts]);
}
