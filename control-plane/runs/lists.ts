// A list of texts as one parameter, so that a statement keeps its text however long the list is.
import { sql } from 'kysely';
import type { RawBuilder } from 'kysely';
import type { Store } from '../store/store.ts';

/** A sub-select over a JSON list of strings, for `in`. `list` is JSON text. */
export function textList(engine: Store['engine'], list: string): RawBuilder<string> {
  return engine === 'sqlite'
    ? sql<string>`(select value from json_each(${list}))`
    : sql<string>`(select value from jsonb_array_elements_text(cast(${list} as jsonb)) as listed(value))`;
}

/** The JSON text of a list of strings. */
export function listOf(texts: Iterable<string>): string {
  return JSON.stringify([...texts]);
}
