// The tables of migration 7 as kysely sees them.

export interface StoreIncarnationsTable {
  incarnation: string;
  epoch: number;
  reason: 'restore' | 'replaced' | 'rollback';
  backup_at: number | null;
  ended_at: number;
}

export interface RunsTables {
  store_incarnations: StoreIncarnationsTable;
}
