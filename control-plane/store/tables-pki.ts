// The tables of migration 5 as kysely sees them.

export interface PkiAuthoritiesTable {
  id: string;
  level: 'root' | 'intermediate' | 'data_plane';
  state: 'requested' | 'next' | 'active' | 'former' | 'retired';
  name: string;
  kid: string;
  certificate: string | null;
  cross_certificate: string | null;
  parent: string | null;
  renews_agents: number;
  not_after: number | null;
  crl: string | null;
  crl_next_update: number | null;
  created_at: number;
  activated_at: number | null;
  retired_at: number | null;
}

export interface PkiRolesTable {
  name: string;
  description: string;
  issued_by: 'enrollment' | 'listener' | 'request';
  authority: string;
  names: string;
  names_min: number;
  names_max: number;
  key_types: string;
  usages: string;
  common_name: string;
  ttl_ms: number;
  revision: number;
  updated_at: number;
}

export interface PkiLeavesTable {
  serial: string;
  authority: string;
  role: string;
  subject: string;
  generation: number;
  issued_at: number;
  issued_to: string;
  not_after: number;
  superseded_at: number | null;
  revoked_at: number | null;
  revoked_reason: string | null;
}

export interface PkiTables {
  pki_authorities: PkiAuthoritiesTable;
  pki_roles: PkiRolesTable;
  pki_leaves: PkiLeavesTable;
}
