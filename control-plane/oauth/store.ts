// The SQL of what the protocol keeps between two requests, and of what was revoked. Identifiers that open something
// never reach the database: it sees their hashes.
import { createHash } from 'node:crypto';
import { sql } from 'kysely';
import type { CompiledQuery } from 'kysely';
import { artifactPruneRowsMax } from '../../protocol/limits-authority.ts';
import { nowMs } from '../store/dialect.ts';
import { compileOnce, perStore, step } from '../store/step.ts';
import type { Step, Store } from '../store/store.ts';
import type { OauthArtifactsTable, OauthRevocationsTable } from '../store/tables-oauth.ts';

/** SHA-256 in base64url over a kind and an identifier of full entropy; no slow hash is needed for those. */
export function hashOf(kind: string, id: string): string {
  return createHash('sha256').update(`${kind}:${id}`, 'utf8').digest('base64url');
}

const artifactById = perStore((store) =>
  compileOnce({ id: '' }, (value) =>
    store.db.selectFrom('oauth_artifacts').selectAll().where('id', '=', value.id),
  ),
);

export function selectArtifact(store: Store, id: string): CompiledQuery<OauthArtifactsTable> {
  return artifactById(store)({ id });
}

export function selectArtifactBy(
  store: Store,
  by: {
    readonly model: string;
    readonly column: 'uid_hash' | 'user_code_hash';
    readonly hash: string;
  },
): CompiledQuery<OauthArtifactsTable> {
  return store.db
    .selectFrom('oauth_artifacts')
    .selectAll()
    .where('model', '=', by.model)
    .where(by.column, '=', by.hash)
    .orderBy('created_at', 'desc')
    .limit(1)
    .compile();
}

export type NewArtifact = Omit<OauthArtifactsTable, 'created_at' | 'consumed_at'>;

export function upsertArtifact(store: Store, row: NewArtifact): Step {
  const { id: _id, ...changed } = row;
  return step(
    store.db
      .insertInto('oauth_artifacts')
      .values({ ...row, consumed_at: null, created_at: nowMs(store.engine) })
      .onConflict((conflict) => conflict.column('id').doUpdateSet(changed)),
  );
}

/** Fails with the guard `artifact_unseen` where it is there already, whichever process was first. */
export function insertArtifact(store: Store, row: NewArtifact): Step {
  return step(
    store.db
      .insertInto('oauth_artifacts')
      .values({ ...row, consumed_at: null, created_at: nowMs(store.engine) })
      .onConflict((conflict) => conflict.column('id').doNothing()),
    { name: 'artifact_unseen', exactly: 1 },
  );
}

/** Fails with the guard `artifact_unconsumed` for the second of two that redeem it at once. */
export function consumeArtifact(store: Store, id: string): Step {
  return step(
    store.db
      .updateTable('oauth_artifacts')
      .set({ consumed_at: nowMs(store.engine) })
      .where('id', '=', id)
      .where('consumed_at', 'is', null),
    { name: 'artifact_unconsumed', exactly: 1 },
  );
}

export function deleteArtifact(store: Store, id: string): Step {
  return step(store.db.deleteFrom('oauth_artifacts').where('id', '=', id));
}

export function deleteFamily(store: Store, grantHash: string, model?: string): Step {
  const query = store.db.deleteFrom('oauth_artifacts').where('grant_hash', '=', grantHash);
  return step(model === undefined ? query : query.where('model', '=', model));
}

/** Everything that was given to clients for a person, for instance when that person signs out everywhere. */
export function selectFamiliesOf(
  store: Store,
  principal: string,
): CompiledQuery<{ grant_hash: string | null }> {
  return store.db
    .selectFrom('oauth_artifacts')
    .select('grant_hash')
    .distinct()
    .where('principal', '=', principal)
    .where('grant_hash', 'is not', null)
    .compile();
}

/** Removes some of what has lapsed. The table is read by identifier, so what is left costs room and no time. */
export function pruneArtifacts(store: Store, now: number): readonly Step[] {
  const lapsed = store.db
    .selectFrom('oauth_artifacts')
    .select('id')
    .where('expires_at', '<', now)
    .limit(artifactPruneRowsMax);
  return [
    step(store.db.deleteFrom('oauth_artifacts').where('id', 'in', lapsed)),
    step(store.db.deleteFrom('oauth_revocations').where('keep_until', '<', now)),
  ];
}

/** `keepUntil` is when the last token lapses that could still refer to it. */
export function insertRevocation(
  store: Store,
  revocation: { readonly key: string; readonly keepUntil: number },
): Step {
  const { key, keepUntil } = revocation;
  return step(
    store.db
      .insertInto('oauth_revocations')
      .values({ id: key, revoked_at: nowMs(store.engine), keep_until: keepUntil })
      .onConflict((conflict) =>
        conflict.column('id').doUpdateSet({
          keep_until: sql<number>`case when excluded.keep_until > oauth_revocations.keep_until
                                  then excluded.keep_until else oauth_revocations.keep_until end`,
        }),
      ),
  );
}

const revocationsSince = perStore((store) =>
  compileOnce({ since: 0 }, (value) =>
    store.db.selectFrom('oauth_revocations').selectAll().where('revoked_at', '>=', value.since),
  ),
);

export function selectRevocations(store: Store, since: number): CompiledQuery<OauthRevocationsTable> {
  return revocationsSince(store)({ since });
}

const publishedTokenKeys = perStore((store) =>
  compileOnce({ now: 0 }, (value) =>
    store.db
      .selectFrom('signing_keys')
      .select(['kid', 'state', 'public_jwk', 'created_at', 'not_after'])
      .where('purpose', '=', 'token')
      .where((either) => either.or([either('not_after', 'is', null), either('not_after', '>', value.now)])),
  ),
);

export interface TokenKeyRow {
  readonly kid: string;
  readonly state: 'next' | 'active' | 'retired';
  readonly public_jwk: string;
  readonly created_at: number;
  readonly not_after: number | null;
}

/** The keys by which a token may be signed that is good now: the active one, and those that lapse later. */
export function selectTokenKeys(store: Store, now: number): CompiledQuery<TokenKeyRow> {
  return publishedTokenKeys(store)({ now });
}

/** Gives retired token keys their end, where they have none yet. */
export function endRetiredTokenKeys(store: Store, notAfter: number): Step {
  return step(
    store.db
      .updateTable('signing_keys')
      .set({ not_after: notAfter })
      .where('purpose', '=', 'token')
      .where('state', '=', 'retired')
      .where('not_after', 'is', null),
  );
}

/** Ends a retired token key at once. */
export function endTokenKey(store: Store, kid: string, now: number): Step {
  return step(
    store.db
      .updateTable('signing_keys')
      .set({ not_after: now })
      .where('purpose', '=', 'token')
      .where('state', '=', 'retired')
      .where('kid', '=', kid),
    { name: 'retired_token_key', exactly: 1 },
  );
}
