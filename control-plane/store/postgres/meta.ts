// Rows of store_meta, as PostgreSQL writes them.
import type { StepResult } from '../store.ts';
import type { Link } from './link.ts';

/** Sends at once, within whatever transaction is open. */
export function setMeta(link: Link, name: string, value: string): Promise<StepResult> {
  return link.send(
    'insert into store_meta (name, value) values ($1, $2) on conflict (name) do update set value = excluded.value',
    [name, value],
  );
}
