// The tables of migration 8 as kysely sees them.

export interface ServersTable {
  id: string;
  address: string;
  started_at: number;
  last_seen_at: number;
}

export interface AuditEndsTable {
  organization: string;
  position: number;
  hash: string;
}

export interface ReplicasTables {
  servers: ServersTable;
  audit_ends: AuditEndsTable;
}
