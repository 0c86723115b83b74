// The table of migration 9 as kysely sees it.
import type { Generated } from 'kysely';

export interface RunTokensTable {
  run: string;
  attempt: number;
  /** SHA-256 of the whole token, hex. */
  hash: string;
  made_at: number;
  expires_at: number;
  /** When it was first used to write; null while it was not. */
  used_at: number | null;
  /** How many entries it wrote: in all, and since `minute_at`. */
  entries: Generated<number>;
  minute_at: Generated<number>;
  minute_entries: Generated<number>;
}

export interface RunTokensTables {
  run_tokens: RunTokensTable;
}
