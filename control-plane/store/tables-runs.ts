// The tables of migration 7 as kysely sees them, with the tokens of runs.
import type { RunTokensTables } from './tables-run-tokens.ts';

export interface StoreIncarnationsTable {
  incarnation: string;
  epoch: number;
  reason: 'restore' | 'replaced' | 'rollback';
  backup_at: number | null;
  ended_at: number;
}

export interface RunsTables extends RunTokensTables {
  store_incarnations: StoreIncarnationsTable;
}
