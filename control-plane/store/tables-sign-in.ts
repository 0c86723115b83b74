// The tables of migration 4 as kysely sees them.

export interface PasswordsTable {
  principal: string;
  hash: string;
  changed_at: number;
}

export interface TotpSeedsTable {
  id: string;
  principal: string;
  state: 'pending' | 'active';
  seed: string;
  last_step: number;
  created_at: number;
}

export interface PasskeysTable {
  id: string;
  principal: string;
  name: string;
  public_key: string;
  counter: number;
  transports: string;
  backed_up: number;
  created_at: number;
  last_used_at: number | null;
}

export interface RecoveryCodesTable {
  hash: string;
  principal: string;
  created_at: number;
  used_at: number | null;
}

export interface SignInLinksTable {
  id: string;
  principal: string;
  purpose: 'setup' | 'invite' | 'reset';
  removes_factors: number;
  hash: string;
  created_by: string | null;
  created_at: number;
  expires_at: number;
  used_at: number | null;
}

export interface SessionsTable {
  id: string;
  organization: string;
  principal: string;
  hash: string;
  methods: string;
  provider: string | null;
  address: string;
  user_agent: string;
  store_incarnation: string;
  created_at: number;
  authenticated_at: number;
  last_seen_at: number;
  expires_at: number;
  ended_at: number | null;
  end_reason: string | null;
}

export interface ElevationsTable {
  credential: string;
  principal: string;
  reason: string;
  methods: string;
  elevated_at: number;
  elevated_until: number;
}

export interface SignInAttemptsTable {
  id: string;
  hash: string;
  kind: string;
  principal: string | null;
  content: string;
  created_at: number;
  expires_at: number;
}

export interface SignInThrottlesTable {
  key: string;
  failures: number;
  last_at: number;
}

export interface KnownDevicesTable {
  hash: string;
  principal: string;
  network: string;
  created_at: number;
  last_seen_at: number;
}

export interface IdentityProvidersTable {
  id: string;
  organization: string;
  name: string;
  issuer: string;
  client_id: string;
  client_secret: string | null;
  scopes: string;
  name_claim: string;
  teams_claim: string | null;
  teams: string;
  allowed_domains: string;
  creates_users: number;
  enabled: number;
  created_at: number;
  revision: number;
}

export interface IdentityLinksTable {
  provider: string;
  subject: string;
  principal: string;
  name: string;
  created_at: number;
  last_used_at: number;
}

export interface SignInTables {
  passwords: PasswordsTable;
  totp_seeds: TotpSeedsTable;
  passkeys: PasskeysTable;
  recovery_codes: RecoveryCodesTable;
  sign_in_links: SignInLinksTable;
  sessions: SessionsTable;
  elevations: ElevationsTable;
  sign_in_attempts: SignInAttemptsTable;
  sign_in_throttles: SignInThrottlesTable;
  known_devices: KnownDevicesTable;
  identity_providers: IdentityProvidersTable;
  identity_links: IdentityLinksTable;
}
