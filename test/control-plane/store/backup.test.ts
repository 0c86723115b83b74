import { createReadStream, existsSync, readFileSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { sql } from 'kysely';
import { describe, expect, it } from 'vitest';
import { readBackup, writeNewFile } from '../../../control-plane/store/backup.ts';
import { newBackupKey, parseBackupKey } from '../../../control-plane/store/backup-format.ts';
import { restoreBackup } from '../../../control-plane/store/restore.ts';
import { openSqliteStore } from '../../../control-plane/store/sqlite.ts';
import { step } from '../../../control-plane/store/step.ts';
import type { Store } from '../../../control-plane/store/store.ts';
import { entry, openAuditFixture, organization } from '../audit/open-audit.ts';
import { openAudit } from '../../../control-plane/audit/audit.ts';
import { openKeyring } from '../../../control-plane/secrets/keyring.ts';
import { openSecrets } from '../../../control-plane/secrets/secrets.ts';
import { temporaryFolder, temporaryStore } from './temporary.ts';

const secret = parseBackupKey(newBackupKey());
const clock = { now: () => Date.now() };

async function backUp(store: Store, dataFolder: string): Promise<string> {
  const path = join(temporaryFolder(), 'backup');
  await writeNewFile(path, readBackup({ store, dataFolder, clock }, secret));
  return path;
}
const restore = (path: string, dataFolder: string, replace = false) =>
  restoreBackup({ dataFolder, source: createReadStream(path), secret, clock, replace });
const insert = (store: Store, reason: string) =>
  store.write([step(store.db.insertInto('audit_denials').values({ reason, day: 'd', count: 1 }))]);
const reasons = async (store: Store) =>
  (await store.db.selectFrom('audit_denials').select('reason').orderBy('reason').execute()).map(
    (row) => row.reason,
  );

describe('a backup', () => {
  it('holds what was committed when it was made, and is for its owner alone', async () => {
    const store = await temporaryStore();
    await insert(store, 'before');
    const path = await backUp(store, store.dataFolder);
    await insert(store, 'after');
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect(readdirSync(store.dataFolder)).not.toContain('backup.tmp');
    const dataFolder = temporaryFolder();
    await restore(path, dataFolder);
    expect(await reasons(await temporaryStore({ dataFolder }))).toEqual(['before']);
  });

  it('is consistent while others write, and they go on', async () => {
    const store = await temporaryStore();
    const filler = sql`with recursive n(i) as (select 1 union all select i + 1 from n where i < 20000)
                       insert into audit_denials select 'filler ' || i || hex(randomblob(200)), 'd', 0 from n`;
    await store.write([step(filler.compile(store.db))]);
    let writing = true;
    let written = 0;
    const writes = (async () => {
      for (; writing; written += 1) {
        await store.write([
          step(store.db.insertInto('audit_denials').values({ reason: `a${written}`, day: 'd', count: 1 })),
          step(store.db.insertInto('audit_denials').values({ reason: `b${written}`, day: 'd', count: 1 })),
        ]);
      }
    })();
    const before = written;
    const path = await backUp(store, store.dataFolder);
    expect(written).toBeGreaterThan(before);
    writing = false;
    await writes;
    const dataFolder = temporaryFolder();
    await restore(path, dataFolder);
    const copy = await temporaryStore({ dataFolder });
    const [counts] = (
      await sql<{ a: number; b: number; filler: number }>`
        select sum(reason like 'a%') as a, sum(reason like 'b%') as b, sum(count = 0) as filler from audit_denials`.execute(
        copy.db,
      )
    ).rows;
    expect(counts?.filler).toBe(20_000);
    expect(counts?.a).toBe(counts?.b);
  });

  it('shows nothing of the data, and holds no keyring', async () => {
    const { store, secrets } = await openAuditFixture();
    await insert(store, 'find-this-text-in-the-file');
    const material =
      (
        JSON.parse(readFileSync(join(store.dataFolder, 'keyring.json'), 'utf8')) as {
          keys: { key: string }[];
        }
      ).keys[0]?.key ?? '';
    const path = await backUp(store, store.dataFolder);
    const file = readFileSync(path).toString('latin1');
    expect(file).not.toContain('find-this-text');
    expect(file).not.toContain('SQLite format');
    const dataFolder = temporaryFolder();
    await restore(path, dataFolder);
    expect(readdirSync(dataFolder)).not.toContain('keyring.json');
    const database = readFileSync(join(dataFolder, 'wayside.db'));
    expect(database.includes('find-this-text')).toBe(true);
    expect(database.includes(material)).toBe(false);
    expect(database.includes(Buffer.from(material, 'base64url'))).toBe(false);
    expect(secrets.provider.name).toBe('keyring');
  });

  it('never replaces a file, and leaves nothing behind where it fails', async () => {
    const store = await temporaryStore();
    const path = join(temporaryFolder(), 'there');
    writeFileSync(path, 'mine');
    const deps = { store, dataFolder: store.dataFolder, clock };
    await expect(writeNewFile(path, readBackup(deps, secret))).rejects.toThrow('already there');
    expect(readFileSync(path, 'utf8')).toBe('mine');
    expect(existsSync(`${path}.part`)).toBe(false);
    await expect(writeNewFile('/nowhere/backup', readBackup(deps, secret))).rejects.toMatchObject({
      code: 'invalid_configuration',
    });
  });

  it('is made one at a time, and a reader that leaves early does no harm', async () => {
    const store = await temporaryStore();
    const deps = { store, dataFolder: store.dataFolder, clock };
    const first = readBackup(deps, secret);
    await first.next();
    await expect(readBackup(deps, secret).next()).rejects.toMatchObject({ code: 'conflict' });
    await first.return(undefined);
    expect(readdirSync(store.dataFolder)).not.toContain('backup.tmp');
    await backUp(store, store.dataFolder);
  });
});

/** A store with an agent, a revoked one, and a personal token. */
async function withRights() {
  const { store } = await openAuditFixture();
  const { db } = store;
  const project = { id: 'p', organization, name: 'p', description: '', created_at: 1, revision: 1 };
  const agent = {
    organization,
    project: 'p',
    key_fingerprint: '',
    sealing_key: '',
    generation: 1,
    certificate_serial: '',
    certificate_not_after: 1,
    session: 1,
    incarnation: null,
    journal_counter: 3,
    draining: 0,
    version: null,
    concurrency: null,
    shares_user: null,
    load_errors: '[]',
    created_at: 1,
    connected_at: null,
    disconnected_at: null,
    last_seen_at: null,
  };
  const owner = {
    id: 'owner',
    organization,
    kind: 'user' as const,
    name: 'o',
    created_at: 1,
    disabled_at: null,
  };
  const token = { organization, principal: 'owner', permissions: null, created_at: 1, last_used_at: null };
  await store.write([
    step(db.insertInto('projects').values(project)),
    step(db.insertInto('principals').values(owner)),
    step(
      db.insertInto('agents').values([
        { ...agent, id: 'one', name: 'one', status: 'active', revoked_at: null },
        { ...agent, id: 'revoked', name: 'revoked', status: 'revoked', revoked_at: 5 },
      ]),
    ),
    step(
      db.insertInto('tokens').values([
        { ...token, id: 'good', name: 'good', hash: 'a', expires_at: null, revoked_at: null },
        { ...token, id: 'ended', name: 'ended', hash: 'b', expires_at: null, revoked_at: 4 },
        { ...token, id: 'expired', name: 'expired', hash: 'c', expires_at: 3, revoked_at: null },
      ]),
    ),
  ]);
  return store;
}

async function restoredRights(
  path: string,
  options: { dataFolder?: string; replace?: boolean; trustAgents?: boolean; keepTokens?: boolean },
) {
  const { dataFolder = temporaryFolder(), ...rest } = options;
  const source = createReadStream(path);
  const restoration = await restoreBackup({ dataFolder, source, secret, clock, ...rest });
  const store = await openSqliteStore({ dataFolder });
  try {
    const agents = await store.db.selectFrom('agents').select(['id', 'status']).execute();
    const tokens = await store.db
      .selectFrom('tokens')
      .select('id')
      .where('revoked_at', 'is', null)
      .where('expires_at', 'is', null)
      .execute();
    const lives = await store.db.selectFrom('store_incarnations').select('incarnation').execute();
    return {
      restoration,
      agents: Object.fromEntries(agents.map(({ id, status }) => [id, status])),
      liveTokens: tokens.map(({ id }) => id),
      lives: lives.map((life) => life.incarnation),
    };
  } finally {
    await store.close();
  }
}

describe('restoring', () => {
  it('ends what was alive: new incarnation, higher sessions, no join token', async () => {
    const { store } = await openAuditFixture();
    const { db } = store;
    const project = { id: 'p', organization, name: 'p', description: '', created_at: 1, revision: 1 };
    const agent = {
      id: 'a',
      organization,
      project: 'p',
      name: 'a',
      status: 'active' as const,
      key_fingerprint: '',
      sealing_key: '',
      generation: 1,
      certificate_serial: '',
      certificate_not_after: 1,
      session: 57,
      incarnation: 'i',
      journal_counter: 3,
      draining: 0,
      version: null,
      concurrency: null,
      shares_user: null,
      load_errors: '[]',
      created_at: 1,
      connected_at: 5,
      disconnected_at: null,
      last_seen_at: 5,
      revoked_at: null,
    };
    const token = {
      project: 'p',
      groups: '[]',
      networks: '[]',
      created_by: 'x',
      created_at: 1,
      expires_at: 9e15,
      used_at: null,
      used_by: null,
      used_from: null,
    };
    await store.write([
      step(db.insertInto('projects').values(project)),
      step(db.insertInto('agents').values(agent)),
      step(
        db.insertInto('join_tokens').values([
          { ...token, id: 'open', hash: 'h1' },
          { ...token, id: 'used', hash: 'h2', used_at: 3 },
        ]),
      ),
    ]);
    const path = await backUp(store, store.dataFolder);
    const dataFolder = temporaryFolder();
    const restoration = await restore(path, dataFolder);
    expect(restoration).toMatchObject({
      agents: 1,
      agents_held: 1,
      join_tokens: 1,
      tokens: 0,
      epoch: 1,
      from_incarnation: store.incarnation,
    });

    const copy = await temporaryStore({ dataFolder });
    expect(copy.incarnation).toBe(restoration.to_incarnation);
    expect(copy.incarnation).not.toBe(store.incarnation);
    expect(copy.trustDomain).toBe(store.trustDomain);
    const [restored] = await copy.db.selectFrom('agents').selectAll().execute();
    expect(restored).toMatchObject({
      status: 'pending_approval',
      may_be_ahead: 1,
      incarnation: null,
      disconnected_at: restoration.restored_at,
      journal_counter: 3,
    });
    expect(restored?.session).toBeGreaterThan(1_000);
    const tokens = await copy.db
      .selectFrom('join_tokens')
      .select(['id', 'expires_at'])
      .orderBy('id')
      .execute();
    expect(tokens).toEqual([
      { id: 'open', expires_at: restoration.restored_at },
      { id: 'used', expires_at: 9e15 },
    ]);
    const [epoch] = await copy.db
      .selectFrom('store_meta')
      .select('value')
      .where('name', '=', 'revocation_epoch')
      .execute();
    expect(epoch?.value).toBe('1');
    const lives = await copy.db.selectFrom('store_incarnations').selectAll().execute();
    expect(lives).toMatchObject([
      { incarnation: store.incarnation, epoch: 1, reason: 'restore', ended_at: restoration.restored_at },
    ]);
  });

  it('ends personal tokens and holds agents, unless somebody vouches for them (rules.md 12)', async () => {
    const source = await withRights();
    const path = await backUp(source, source.dataFolder);
    const safe = await restoredRights(path, {});
    expect(safe.restoration).toMatchObject({ agents_held: 1, tokens_ended: 1, tokens: 0 });
    expect(safe.agents).toEqual({ one: 'pending_approval', revoked: 'revoked' });
    expect(safe.liveTokens).toEqual([]);
    const vouched = await restoredRights(path, { trustAgents: true, keepTokens: true });
    expect(vouched.restoration).toMatchObject({ agents_held: 0, tokens_ended: 0, tokens: 1 });
    expect(vouched.agents).toEqual({ one: 'active', revoked: 'revoked' });
    expect(vouched.liveTokens).toEqual(['good']);
  });

  it('keeps revoked what the data that it replaces knew of, also where somebody vouches', async () => {
    const store = await withRights();
    const path = await backUp(store, store.dataFolder);
    await store.write([
      step(store.db.updateTable('agents').set({ status: 'revoked', revoked_at: 7 }).where('id', '=', 'one')),
      step(store.db.updateTable('tokens').set({ revoked_at: 8 }).where('id', '=', 'good')),
      step(store.db.updateTable('principals').set({ disabled_at: 9 }).where('id', '=', 'owner')),
    ]);
    const { incarnation, dataFolder } = store;
    await store.close();
    const options = { replace: true, trustAgents: true, keepTokens: true };
    const first = await restoredRights(path, { ...options, dataFolder });
    expect(first.restoration).toMatchObject({ carried_over: 3, tokens: 0 });
    expect(first.agents).toEqual({ one: 'revoked', revoked: 'revoked' });
    expect(first.liveTokens).toEqual([]);
    // The same backup once more: both lives before this one are known.
    const second = await restoredRights(path, { ...options, dataFolder });
    expect(second.lives.sort()).toEqual([incarnation, first.restoration.to_incarnation].sort());
  });

  it('takes nothing over from the data of another installation', async () => {
    const source = await withRights();
    const path = await backUp(source, source.dataFolder);
    const other = await withRights();
    await other.write([step(other.db.updateTable('tokens').set({ revoked_at: 8 }).where('id', '=', 'good'))]);
    const { dataFolder } = other;
    await other.close();
    const restored = await restoredRights(path, { dataFolder, replace: true, keepTokens: true });
    expect(restored.restoration).toMatchObject({ carried_over: 0, tokens: 1 });
    expect(restored.lives).toEqual([source.incarnation]);
  });

  it('signs everybody out, and lets nothing go on that was under way', async () => {
    const source = await withRights();
    const at = { created_at: 1, expires_at: 9e15 };
    const artifact = {
      payload: null,
      envelope: null,
      grant_hash: null,
      uid_hash: null,
      user_code_hash: null,
    };
    await source.write([
      step(
        source.db.insertInto('oauth_artifacts').values({
          ...{ ...at, ...artifact, id: 'refresh', model: 'RefreshToken' },
          ...{ principal: 'owner', client: null, consumed_at: null },
        }),
      ),
      step(
        source.db.insertInto('sign_in_links').values({
          ...{ ...at, id: 'link', principal: 'owner', purpose: 'reset', removes_factors: 0, hash: 'h' },
          ...{ created_by: null, used_at: null },
        }),
      ),
    ]);
    const path = await backUp(source, source.dataFolder);
    const dataFolder = temporaryFolder();
    await restoreBackup({ dataFolder, source: createReadStream(path), secret, clock, keepTokens: true });
    const store = await temporaryStore({ dataFolder });
    expect(await store.db.selectFrom('oauth_artifacts').select('id').execute()).toEqual([]);
    const [link] = await store.db.selectFrom('sign_in_links').select('expires_at').execute();
    expect(link?.expires_at).toBeLessThanOrEqual(Date.now());
  });

  it('is told in the trail once, which stays whole, and a head kept from before shows what was lost', async () => {
    const fixture = await openAuditFixture();
    const { store, audit } = fixture;
    await store.write([audit.step(entry('kept'))]);
    await audit.settle();
    const path = await backUp(store, store.dataFolder);
    for (const lost of ['lost-1', 'lost-2', 'lost-3']) await store.write([audit.step(entry(lost))]);
    await audit.settle();
    const head = await audit.head(organization);

    const dataFolder = temporaryFolder();
    await restore(path, dataFolder);
    const copy = await temporaryStore({ dataFolder });
    const provider = await openKeyring({
      path: join(store.dataFolder, 'keyring.json'),
      clock,
      mayCreate: false,
    });
    const secrets = await openSecrets(copy, provider);
    for (let start = 0; start < 2; start += 1) {
      const again = openAudit({ store: copy, secrets, clock: fixture.clock, report: () => undefined });
      await again.close();
      const events = await copy.db
        .selectFrom('audit_events')
        .select('operation')
        .orderBy('position')
        .execute();
      expect(events.map((event) => event.operation)).toEqual(['kept', 'store.restore']);
      expect(await again.verify(organization)).toMatchObject({ valid: true, events: 2 });
      const against = await again.verify(organization, head);
      expect(against).toMatchObject({ valid: false });
      expect(against.problem).toContain('restored from a backup');
    }
  });

  it('is refused where data is, where a process is, and with a bad file, and then changes nothing', async () => {
    const source = await temporaryStore();
    const path = await backUp(source, source.dataFolder);
    await source.close();
    const store = await temporaryStore();
    await insert(store, 'mine');
    const { dataFolder } = store;
    await expect(restore(path, dataFolder, true)).rejects.toMatchObject({ code: 'store_locked' });
    await store.close();
    await expect(restore(path, dataFolder)).rejects.toMatchObject({ code: 'conflict' });
    const bad = join(temporaryFolder(), 'bad');
    writeFileSync(bad, readFileSync(path).subarray(0, -1));
    await expect(restore(bad, dataFolder, true)).rejects.toMatchObject({ code: 'invalid_backup' });
    expect(readdirSync(dataFolder).sort()).toEqual(['lock.sqlite', 'wayside.db']);
    expect(await reasons(await temporaryStore({ dataFolder }))).toEqual(['mine']);
  });

  it('sets the old data aside when told to', async () => {
    const store = await temporaryStore();
    await insert(store, 'in the backup');
    const path = await backUp(store, store.dataFolder);
    await insert(store, 'after it');
    await store.close();
    await restore(path, store.dataFolder, true);
    const [aside = ''] = readdirSync(store.dataFolder).filter((name) => /^replaced-\d+\.db$/.test(name));
    const old = new DatabaseSync(join(store.dataFolder, aside), { readOnly: true });
    expect(old.prepare('select reason from audit_denials order by reason').all()).toHaveLength(2);
    old.close();
    const restored = await openSqliteStore({ dataFolder: store.dataFolder });
    expect(await reasons(restored)).toEqual(['in the backup']);
    await restored.close();
  });
});
