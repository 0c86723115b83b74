// What an agent keeps of the audit trail, and what it says when the control plane contradicts itself (rules.md 32).
import { randomUUIDv7 } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { calculateJwkThumbprint, exportJWK, generateKeyPair } from 'jose';
import { describe, expect, test } from 'vitest';
import { HeadKeeper, judgeHead, readAll, readKeptHeads } from '../../agent/heads.ts';
import type { StoredIdentity } from '../../agent/identity.ts';
import type { Log } from '../../agent/log.ts';
import { headHash, openExportedHead, readHead, signHead } from '../../protocol/audit-head.ts';
import type { AuditHead } from '../../protocol/audit-head.ts';
import type { ServerFrame } from '../../protocol/frames.ts';
import { auditKeysType } from '../../protocol/key-statements.ts';
import { keptHeadsMax } from '../../protocol/limits.ts';
import { openFolder } from '../support/folder.ts';
import { createAuthority } from './other-side/authority.ts';

const organization = randomUUIDv7();
const [life, nextLife] = [randomUUIDv7(), randomUUIDv7()];
const pair = await generateKeyPair('ES256', { extractable: true });
const publicJwk = await exportJWK(pair.publicKey);
const key = { kid: await calculateJwkThumbprint(publicJwk), privateKey: pair.privateKey };
const jwk = { ...publicJwk, kid: key.kid };
const hash = (text: string) => text.padEnd(64, '0').slice(0, 64);

const authority = await createAuthority();
const statement = await authority.signKeys(auditKeysType, [jwk]);

function signed(number: number, fields: Partial<AuditHead> = {}): Promise<string> {
  return signHead(
    {
      number,
      organization,
      position: number * 10,
      hash: hash(`a${number}`),
      store_incarnation: life,
      previous: null,
      at: 1_700_000_000_000 + number,
      ...fields,
    },
    key,
  );
}

/** Heads whose numbers are apart, so that none says what comes before it. */
async function openKeeper(folder: string) {
  const said: { level: string; message: string }[] = [];
  const say = (level: string) => (first: unknown, second?: string) =>
    said.push({ level, message: second ?? String(first) });
  const log = { info: say('info'), warn: say('warn'), error: say('error') } as unknown as Log;
  const keeper = new HeadKeeper({ folder, clock: { now: () => 7 }, log });
  const identity = {
    organization,
    root: authority.root,
    certificate_chain: authority.chain,
  } as unknown as StoredIdentity;
  const welcome = async (head: string | null, store = life, keys = statement): Promise<void> => {
    const frame = { type: 'welcome', audit_keys: keys, audit_head: head, store_incarnation: store };
    keeper.welcomed(frame as unknown as Extract<ServerFrame, { type: 'welcome' }>, identity);
    await keeper.idle();
  };
  const seen = async (head: string): Promise<void> => {
    keeper.seen(head);
    await keeper.idle();
  };
  return { keeper, said, welcome, seen };
}

describe('heads of the audit trail', () => {
  test('are kept over restarts, the newest of them, each ready to be used for a verification', async () => {
    using folder = openFolder();
    const { welcome, seen } = await openKeeper(folder.path);
    await welcome(await signed(2));
    for (let number = 4; number <= 2 * keptHeadsMax + 6; number += 2) await seen(await signed(number));
    const again = await openKeeper(folder.path);
    expect(again.keeper.kept.heads).toHaveLength(keptHeadsMax);
    const newest = again.keeper.kept.heads.at(-1);
    expect((await openExportedHead({ jws: newest?.jws, key: newest?.key })).head.number).toBe(
      2 * keptHeadsMax + 6,
    );
    expect(again.keeper.hello()).toEqual({ head: newest?.jws, conflicts: [] });
    await again.welcome(newest?.jws ?? null);
    expect(again.keeper.kept.heads, 'what is known is not kept twice').toHaveLength(keptHeadsMax);
    expect(again.said).toEqual([]);
  });

  test('that go back, fork or are gone are logged loudly, kept as proof, and told once', async () => {
    const kept = await signed(8);
    for (const [what, received, kind] of [
      ['an older one', await signed(6), 'went_back'],
      ['none', null, 'went_back'],
      ['another one of that number', await signed(8, { hash: hash('b8') }), 'forked'],
      ['a later one of an earlier event', await signed(10, { position: 79 }), 'forked'],
      [
        'the next one, that follows another',
        await signed(9, { previous: headHash(await signed(7)) }),
        'forked',
      ],
    ] as const) {
      using folder = openFolder();
      const { keeper, said, welcome } = await openKeeper(folder.path);
      await welcome(kept);
      await welcome(received);
      expect(said, what).toMatchObject([{ level: 'error', message: expect.stringContaining('contradicts') }]);
      expect(keeper.hello(), what).toEqual({ head: kept, conflicts: [{ kind, kept, received }] });
      expect(readKeptHeads(folder.path).conflicts).toMatchObject([{ kind, told: false, at: 7 }]);
      await welcome(kept);
      expect(keeper.hello().conflicts, 'the hello before that welcome has told it').toEqual([]);
    }
  });

  test('of another life of the store begin anew, and are no contradiction', async () => {
    using folder = openFolder();
    const { keeper, said, welcome, seen } = await openKeeper(folder.path);
    await welcome(await signed(8));
    await welcome(await signed(3, { store_incarnation: nextLife }), nextLife);
    await seen(await signed(5, { store_incarnation: nextLife }));
    expect(said).toMatchObject([{ level: 'warn', message: expect.stringContaining('restored') }]);
    expect(readAll(keeper.kept.heads).map(({ head }) => head.number)).toEqual([8, 3, 5]);
    expect(keeper.hello().conflicts).toEqual([]);
  });

  test('that nobody under our root vouches for, or of another organization, are not kept', async () => {
    using folder = openFolder();
    const { keeper, said, welcome, seen } = await openKeeper(folder.path);
    await welcome(await signed(2));
    await seen(await signed(4, { organization: randomUUIDv7() }));
    const other = await generateKeyPair('ES256');
    await seen(await signHead(readHead(await signed(5))!, { kid: key.kid, privateKey: other.privateKey }));
    await seen('nonsense');
    const stranger = await createAuthority();
    await welcome(await signed(6), life, await stranger.signKeys(auditKeysType, [jwk]));
    // Signed by our own authority, but as keys for something else.
    await welcome(await signed(6), life, await authority.signKeys('wayside-intent-keys+jws', [jwk]));
    expect(keeper.kept.heads).toHaveLength(1);
    expect(said.map(({ level }) => level)).toEqual(Array(5).fill('error'));
  });

  test('are begun anew where the file is damaged', async () => {
    using folder = openFolder();
    writeFileSync(join(folder.path, 'heads.json'), '{"heads": [');
    const { keeper, welcome } = await openKeeper(folder.path);
    expect(keeper.hello()).toEqual({ head: null, conflicts: [] });
    await welcome(await signed(2));
    expect(readKeptHeads(folder.path).heads).toHaveLength(1);
  });
});

test('a chain of heads that links each to the one before it is never called a contradiction', async () => {
  let kept: ReturnType<typeof readAll> = [];
  let previous: string | null = null;
  for (let number = 1; number <= 5; number += 1) {
    const jws: string = await signed(number, { previous });
    const head = readHead(jws)!;
    expect(judgeHead(kept, { head, jws }).verdict).toBe('fresh');
    kept = [...kept, { jws, key: { kty: 'EC', crv: 'P-256', x: '', y: '' }, received_at: 0, head }];
    previous = headHash(jws);
  }
});
