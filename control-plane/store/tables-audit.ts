// The tables of migration 6 as kysely sees them.

export interface AuditSettingsTable {
  organization: string;
  retention_days: number | null;
  denials_per_minute: number | null;
  updated_at: number;
  revision: number;
}

export interface AuditCheckpointsTable {
  organization: string;
  position: number;
  hash: string;
  at: number;
  jws: string;
}

export interface AuditTables {
  audit_settings: AuditSettingsTable;
  audit_checkpoints: AuditCheckpointsTable;
}
