// The tables of migration 2 as kysely sees them.

export interface TeamMembersTable {
  team: string;
  member: string;
  source: string;
  added_at: number;
}

export interface RolesTable {
  id: string;
  organization: string;
  name: string;
  description: string;
  permissions: string;
  created_at: number;
  version: number;
}

export interface BindingsTable {
  id: string;
  organization: string;
  principal: string;
  role: string;
  effect: 'allow' | 'deny';
  level: string;
  folder: string | null;
  project: string | null;
  action: string | null;
  group_id: string | null;
  conditions: string;
  not_before: number | null;
  not_after: number | null;
  support: string | null;
  created_by: string | null;
  created_at: number;
}

export interface SupportRequestsTable {
  id: string;
  organization: string;
  principal: string;
  role: string;
  level: string;
  reason: string;
  ticket: string | null;
  duration_ms: number;
  state: 'requested' | 'approved' | 'refused' | 'revoked' | 'withdrawn';
  created_at: number;
  decided_by: string | null;
  decided_at: number | null;
  not_after: number | null;
  binding: string | null;
  revision: number;
}

export interface EntitlementsTable {
  organization: string;
  name: string;
  quota: number | null;
  ends_at: number | null;
  grace_ms: number;
  exceeded_at: number | null;
  updated_at: number;
  revision: number;
}

export interface AuthorityTables {
  team_members: TeamMembersTable;
  roles: RolesTable;
  bindings: BindingsTable;
  support_requests: SupportRequestsTable;
  entitlements: EntitlementsTable;
}
