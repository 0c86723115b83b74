// The tables of migration 3 as kysely sees them.

export interface OauthArtifactsTable {
  id: string;
  model: string;
  payload: string | null;
  envelope: string | null;
  grant_hash: string | null;
  uid_hash: string | null;
  user_code_hash: string | null;
  principal: string | null;
  client: string | null;
  consumed_at: number | null;
  created_at: number;
  expires_at: number;
}

export interface OauthRevocationsTable {
  id: string;
  revoked_at: number;
  keep_until: number;
}

export interface OauthCredentialsTable {
  id: string;
  organization: string;
  principal: string;
  name: string;
  kind: 'secret' | 'public_key';
  secret_hash: string | null;
  jwks: string | null;
  permissions: string | null;
  audiences: string;
  dpop: number;
  created_by: string;
  created_at: number;
  expires_at: number | null;
  revoked_at: number | null;
}

export interface OauthClientsTable {
  id: string;
  organization: string;
  name: string;
  redirect_uris: string;
  secret_hash: string | null;
  created_by: string;
  created_at: number;
}

export interface OauthFederationsTable {
  id: string;
  organization: string;
  principal: string;
  name: string;
  issuer: string;
  jwks_uri: string | null;
  audiences: string;
  condition: string;
  permissions: string | null;
  created_by: string;
  created_at: number;
}

export interface OauthTables {
  oauth_artifacts: OauthArtifactsTable;
  oauth_revocations: OauthRevocationsTable;
  oauth_credentials: OauthCredentialsTable;
  oauth_clients: OauthClientsTable;
  oauth_federations: OauthFederationsTable;
}
