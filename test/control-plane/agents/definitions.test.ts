import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  differenceOf,
  readAdvertised,
  sensitiveInputs,
  withSensitive,
} from '../../../control-plane/agents/definitions.ts';
import { operationsOf } from '../../../control-plane/agents/operations.ts';
import { readAgent } from '../../../control-plane/agents/read.ts';
import { readGroup } from '../../../control-plane/groups/read.ts';
import { insertAcceptedDefinition } from '../../../control-plane/groups/store.ts';
import type { Definition } from '../../../protocol/frames.ts';
import { actionTimeoutMsMax } from '../../../protocol/limits.ts';
import { connected, enrolled } from './agent.ts';
import { openWorld } from './world.ts';
import type { World } from './world.ts';

const digest = (letter: string) => `sha256:${letter.repeat(64)}`;

function definition(operation: string, fields: Partial<Definition> = {}): Definition {
  return {
    group: 'prod',
    operation,
    description: '',
    digest: digest('a'),
    timeout_ms: 60_000,
    idempotent: false,
    concurrency: null,
    compatibility: false,
    inputs: null,
    ...fields,
  };
}

const schema = (properties: Record<string, object>) => ({ type: 'object', properties });
const secret = { type: 'string', 'x-wayside-sensitive': true };

describe('what an agent advertises', () => {
  let world: World;
  beforeAll(async () => {
    world = await openWorld();
    await world.group('prod');
    await world.group('other');
    await world.group('pinned', { pinned: true });
  });
  afterAll(async () => {
    await world[Symbol.asyncDispose]();
  });
  const operations = async (name: string) => {
    const { store } = world.installation;
    return operationsOf(store, await readGroup(store, world.project.id, name));
  };

  it('is stored for its own groups only, and stays while it is offline', async () => {
    const agent = await enrolled(world, 'prod');
    const live = await connected(world, agent, {
      groups: ['prod', 'other', 'nowhere'],
      definitions: [
        definition('deploy', {
          inputs: schema({ version: { type: 'string' } }),
          timeout_ms: Number.MAX_SAFE_INTEGER,
        }),
        definition('sneak', { group: 'other' }),
        definition('lost', { group: 'nowhere' }),
      ],
      load_errors: ['agent.hcl:3:1: no'],
    });
    expect(live.welcome).toMatchObject({ known_groups: ['prod'], unknown_groups: ['other', 'nowhere'] });
    expect(await operations('prod')).toEqual([
      {
        group: 'prod',
        operation: 'deploy',
        description: '',
        digest: digest('a'),
        inputs: schema({ version: { type: 'string' } }),
        timeout_ms: actionTimeoutMsMax,
        idempotent: false,
        concurrency: null,
        compatibility: false,
        token: false,
        agents_online: 1,
        accepted: true,
        action: null,
        last_advertised_at: expect.any(Number) as number,
      },
    ]);
    expect(await operations('other')).toEqual([]);
    live.socket.terminate();
    await expect.poll(async () => (await operations('prod'))[0]?.agents_online).toBe(0);
  });

  it('follows a reload, and an unchanged definition does not become the newest by reconnecting', async () => {
    const old = await enrolled(world, 'prod');
    const oldLive = await connected(world, old, { definitions: [definition('backup'), definition('gone')] });
    const since = (await operations('prod')).find((one) => one.operation === 'backup')?.last_advertised_at;
    const young = await enrolled(world, 'prod');
    await connected(world, young, { definitions: [definition('backup', { digest: digest('b') })] });
    (await connected(world, old, { definitions: [definition('backup'), definition('gone')] })).send({
      type: 'definitions',
      groups: ['prod'],
      definitions: [definition('backup')],
      load_errors: ['x.hcl:1:1: bad'],
    });
    await oldLive.closed;
    await expect
      .poll(async () => (await operations('prod')).some((one) => one.operation === 'gone'))
      .toBe(false);
    const backup = (await operations('prod')).find((one) => one.operation === 'backup');
    expect(backup).toMatchObject({ digest: digest('b'), agents_online: 1 });
    expect(backup?.last_advertised_at).toBeGreaterThanOrEqual(since ?? Infinity);
    const { store } = world.installation;
    expect((await readAgent(store, world.project.id, old.id)).load_errors).toBe('["x.hcl:1:1: bad"]');
  });

  it('never relaxes what was sensitive once', async () => {
    const agent = await enrolled(world, 'prod');
    const advertise = (properties: Record<string, object>, letter: string) =>
      connected(world, agent, {
        definitions: [definition('login', { inputs: schema(properties), digest: digest(letter) })],
      });
    await advertise({ password: secret, user: { type: 'string' } }, 'c');
    await advertise({ password: { type: 'string' }, user: { type: 'string' } }, 'd');
    const login = (await operations('prod')).find((one) => one.operation === 'login');
    expect(login).toMatchObject({
      digest: digest('d'),
      inputs: schema({ password: secret, user: { type: 'string' } }),
    });
  });

  it('waits in a pinned group for a person, and shows as drift until then', async () => {
    const { store } = world.installation;
    const agent = await enrolled(world, 'pinned');
    const advertise = (letter: string) =>
      connected(world, agent, {
        definitions: [definition('ship', { group: 'pinned', digest: digest(letter) })],
      });
    await advertise('e');
    expect((await operations('pinned')).map((one) => [one.digest, one.accepted])).toEqual([
      [digest('e'), false],
    ]);
    const { id } = await readGroup(store, world.project.id, 'pinned');
    await store.write([
      insertAcceptedDefinition(store, { group: id, operation: 'ship', digest: digest('e'), by: 'somebody' }),
    ]);
    const second = await enrolled(world, 'pinned');
    await connected(world, second, {
      definitions: [definition('ship', { group: 'pinned', digest: digest('f') })],
    });
    expect((await operations('pinned')).map((one) => [one.digest, one.accepted])).toEqual([
      [digest('e'), true],
      [digest('f'), false],
    ]);
  });

  it('may be two thousand definitions, and the same again costs no writing', async () => {
    const agent = await enrolled(world, 'other');
    const definitions = Array.from({ length: 2_000 }, (_, n) =>
      definition(`op-${n}`, { group: 'other', inputs: schema({ [`s${n}`]: secret }) }),
    );
    await connected(world, agent, { definitions });
    const before = await operations('other');
    expect(before).toHaveLength(2_000);
    world.advance(1_000);
    await connected(world, agent, { definitions });
    expect(await operations('other')).toEqual(before);
  });
});

describe('the difference', () => {
  const operation = fc.constantFrom('a', 'b', 'c', 'd');
  const definitions = fc.array(
    fc.record({
      operation,
      digest: fc.constantFrom(digest('1'), digest('2')),
      timeout_ms: fc.constantFrom(1, 2),
    }),
    { maxLength: 6 },
  );
  const known = new Map([['prod', 'g1']]);
  const advertised = (list: readonly { operation: string; digest: string; timeout_ms: number }[]) =>
    readAdvertised(
      list.map((one) => definition(one.operation, one)),
      known,
    ).definitions;

  it('applied to what was stored gives what is advertised, and nothing more is written', () => {
    fc.assert(
      fc.property(definitions, definitions, (before, after) => {
        const stored = advertised(before).map((row) => ({ ...row, agent: 'x', advertised_at: 1 }));
        const wanted = advertised(after);
        const { changed, gone } = differenceOf(stored, wanted);
        const rows = new Map(
          stored.map((row) => [row.operation, JSON.stringify({ ...row, agent: '', advertised_at: 0 })]),
        );
        for (const row of gone) expect(rows.delete(row.operation)).toBe(true);
        for (const row of changed) {
          const text = JSON.stringify({ ...row, agent: '', advertised_at: 0 });
          expect(rows.get(row.operation)).not.toBe(text);
          rows.set(row.operation, text);
        }
        const texts = wanted.map(
          (row) => [row.operation, JSON.stringify({ ...row, agent: '', advertised_at: 0 })] as const,
        );
        expect(new Map(rows)).toEqual(new Map(texts));
      }),
    );
  });
});

describe('the mark of sensitive inputs', () => {
  it('is read from any schema without falling over, and put on without touching the rest', () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string(), fc.jsonValue()), (anything) => {
        expect(Array.isArray(sensitiveInputs(anything))).toBe(true);
        expect(withSensitive(anything, new Set())).toBe(anything);
      }),
    );
    const before = schema({ a: { type: 'string' }, b: secret, c: { type: 'number', minimum: 1 } });
    expect(sensitiveInputs(before)).toEqual(['b']);
    expect(withSensitive(before, new Set(['c', 'x']))).toEqual(
      schema({
        a: { type: 'string' },
        b: secret,
        c: { type: 'number', minimum: 1, 'x-wayside-sensitive': true },
      }),
    );
    expect(withSensitive(null, new Set(['a']))).toBeNull();
  });
});
