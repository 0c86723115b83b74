import { X509Certificate } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { enrollAgent } from '../../../control-plane/agents/enroll.ts';
import { showAgent } from '../../../control-plane/agents/read.ts';
import { identitySchema, parseJoinToken } from '../../../protocol/api/enrollment.ts';
import { joinTokenSchema } from '../../../protocol/api/operations.ts';
import { opensslVerify, splitPem } from '../../support/openssl.ts';
import { dial, hello } from '../channel/harness.ts';
import { newKeys, newSealingKey } from './keys.ts';
import type { AgentKeys } from './keys.ts';
import { openWorld } from './world.ts';
import type { World } from './world.ts';

let world: World;
let names = 0;
beforeAll(async () => {
  world = await openWorld();
  await world.group('prod');
  await world.group('staging');
  await world.group('guarded', { production: true });
});
afterAll(async () => {
  await world[Symbol.asyncDispose]();
});

const freshName = () => `agent-${(names += 1)}`;

async function body(token: string, keys?: AgentKeys, name = freshName()) {
  const { csr, sealing_key } = keys ?? (await newKeys());
  return { token, name, csr, sealing_key };
}

describe('a join token', () => {
  it('is shown once, bound to its groups, and stored only as a hash', async () => {
    const made = await world.token('prod', { groups: ['staging'] });
    expect(joinTokenSchema.parse(made)).toEqual(made);
    expect(made.groups).toEqual(['prod', 'staging']);
    const parts = parseJoinToken(made.token);
    expect(parts?.rootPin).toBe(world.deps.pki.authorities().rootPin);
    expect(made.command).toContain(made.token);
    expect(made.command).toContain(world.enrollment.url);
    const { store } = world.installation;
    const rows = await store.read(store.db.selectFrom('join_tokens').selectAll().compile());
    expect(JSON.stringify(rows)).not.toContain(parts?.secret);
    const [event] = await world.audit('group.create_join_token');
    expect(JSON.stringify(await world.audit())).not.toContain(parts?.secret);
    expect(event).toMatchObject({ result: 'allowed', details: { groups: ['prod', 'staging'] } });
  });

  it('is refused for a group that is not there and for a network that is none', async () => {
    await expect(world.token('nowhere')).rejects.toMatchObject({ code: 'not_found' });
    await expect(world.token('prod', { networks: ['10.0.0.0'] })).rejects.toMatchObject({
      code: 'invalid_request',
    });
  });
});

describe('enrolment', () => {
  it('answers an identity whose certificate lets the agent in', async () => {
    const { token } = await world.token('prod', { groups: ['staging'] });
    const keys = await newKeys({
      subject: '/CN=somebody-else/serialNumber=77',
      extensions: ['subjectAltName=URI:spiffe://test.wayside/org/1/project/2/agent/3'],
    });
    const answer = await world.post('/enroll', await body(token, keys, 'first'));
    expect(answer.status).toBe(200);
    const identity = identitySchema.parse(answer.body);
    expect(identity).toMatchObject({
      agent: { name: 'first' },
      groups: ['prod', 'staging'],
      generation: 1,
      pending_approval: false,
      agent_url: world.channel.url,
    });
    const [leaf = '', ...chain] = splitPem(identity.certificate_chain);
    const verified = await opensslVerify({
      root: identity.root,
      chain: chain.join(''),
      leaf,
      purpose: 'sslclient',
    });
    expect(verified.code).toBe(0);
    expect(new X509Certificate(leaf).subjectAltName).toBe(
      `URI:spiffe://test.wayside/org/${world.project.organization}/project/${world.project.id}/agent/${identity.agent.id}`,
    );
    const agent = await dial(
      { channel: world.channel, serverTls: world.certificate.agents },
      {
        key: keys.key,
        cert: identity.certificate_chain,
      },
    );
    agent.send(hello({ groups: ['prod', 'elsewhere'] }));
    await expect
      .poll(() => agent.frames[0])
      .toMatchObject({
        type: 'welcome',
        session: 1,
        agent: { id: identity.agent.id, name: 'first' },
        known_groups: ['prod'],
        unknown_groups: ['elsewhere'],
      });
    const { store } = world.installation;
    expect(await showAgent(store, world.project.id, 'first')).toMatchObject({
      id: identity.agent.id,
      status: 'online',
      groups: ['prod', 'staging'],
      concurrency: 4,
      version: '0.1.0',
    });
    agent.socket.close();
    await expect.poll(async () => (await showAgent(store, world.project.id, 'first')).status).toBe('offline');
    const event = (await world.audit('agent.enroll')).find(
      (row) => row.details['token'] === parseJoinToken(token)?.id,
    );
    expect(event).toMatchObject({ result: 'allowed', details: { groups: ['prod', 'staging'] } });
  });

  it('lets one of fifty racing agents win, and names the winner to whoever reads the audit', async () => {
    const { token, id } = await world.token('prod');
    const keys = await newKeys();
    const bodies = await Promise.all(Array.from({ length: 50 }, () => body(token, keys)));
    const answers = await Promise.all(bodies.map((one) => world.post('/enroll', one)));
    const won = answers.filter((answer) => answer.status === 200);
    expect(won).toHaveLength(1);
    const lost = answers.filter((answer) => answer.status !== 200);
    expect(new Set(lost.map((answer) => answer.body['code']))).toEqual(new Set(['join_token_spent']));
    const winner = identitySchema.parse(won[0]!.body).agent;
    const events = (await world.audit('agent.enroll')).filter((row) => row.resource.endsWith(id));
    expect(events).toHaveLength(49);
    for (const event of events) {
      expect(event).toMatchObject({
        result: 'denied',
        details: {
          reason: 'join_token_spent',
          spent_by: { agent: winner.id, name: winner.name },
          spent_from: '127.0.0.1',
        },
      });
    }
    const { store } = world.installation;
    const agents = await store.read(
      store.db
        .selectFrom('agents')
        .select('id')
        .where(
          'name',
          'in',
          bodies.map((one) => one.name),
        )
        .compile(),
    );
    expect(agents).toHaveLength(1);
  }, 60_000);

  it('refuses tokens that are expired, altered, unknown, of another installation’s form, or a recovery token', async () => {
    const { token } = await world.token('prod');
    const expired = await world.token('prod', { lifeMs: 10_000 });
    const before = world.denials.length;
    const altered = token.replace(/\.(.)/, (_match, first: string) => `.${first === 'A' ? 'B' : 'A'}`);
    const unknown = token.replace(/^wsj_.{8}/, 'wsj_00000000');
    for (const wrong of [altered, unknown, '', 'wsj_', token.slice(0, -1), 'x'.repeat(500)]) {
      const answer = await world.post('/enroll', await body(wrong));
      expect(answer).toMatchObject({ status: 401, body: { code: 'invalid_join_token' } });
    }
    expect(world.denials.slice(before)).toEqual(Array.from({ length: 6 }, () => 'invalid_join_token'));
    world.advance(10_001);
    expect(await world.post('/enroll', await body(expired.token))).toMatchObject({
      status: 401,
      body: { code: 'join_token_expired' },
    });
    expect((await world.post('/enroll', await body(token))).status).toBe(200);
  });

  it('refuses a token from a network that it is not for, and keeps it good', async () => {
    const { token, id } = await world.token('prod', { networks: ['10.0.0.0/8', 'fd00::/8'] });
    const request = await body(token);
    expect(await world.post('/enroll', request)).toMatchObject({
      status: 401,
      body: { code: 'invalid_join_token' },
    });
    const event = (await world.audit('agent.enroll')).find((row) => row.resource.endsWith(id));
    expect(event).toMatchObject({ result: 'denied', details: { reason: 'network_not_allowed' } });
    for (const from of ['11.0.0.1', 'fe80::1', 'nonsense', '']) {
      await expect(enrollAgent(world.deps, request, from)).rejects.toMatchObject({
        code: 'invalid_join_token',
      });
    }
    expect((await enrollAgent(world.deps, request, '::ffff:10.1.2.3')).generation).toBe(1);
  });

  it('refuses a request whose key does not stand behind it, and keeps the token good', async () => {
    const { token } = await world.token('prod');
    const keys = await newKeys();
    const other = await newKeys();
    const der = Buffer.from(keys.csr.replaceAll(/-----[A-Z ]+-----|\s/g, ''), 'base64');
    der[der.length - 5]! ^= 1;
    const flipped = `-----BEGIN CERTIFICATE REQUEST-----\n${der.toString('base64')}\n-----END CERTIFICATE REQUEST-----\n`;
    const { sealing_key } = keys;
    const wrong: AgentKeys[] = [
      { ...keys, csr: flipped },
      { ...keys, csr: 'nonsense' },
      { ...keys, sealing_key: other.sealing_key },
      { ...keys, sealing_key: { ...sealing_key, jwk: other.sealing_key.jwk } },
      { ...keys, sealing_key: { ...sealing_key, jwk: { ...sealing_key.jwk, kid: 'mine' } } },
      { ...keys, sealing_key: { ...sealing_key, proof: sealing_key.proof.slice(0, -4) } },
    ];
    for (const one of wrong) {
      expect(await world.post('/enroll', await body(token, one))).toMatchObject({
        status: 400,
        body: { code: 'invalid_csr' },
      });
    }
    const again = { ...keys, sealing_key: await newSealingKey(keys.key) };
    expect((await world.post('/enroll', await body(token, again))).status).toBe(200);
  });

  it('refuses a name that is taken, and keeps the token good for another', async () => {
    const first = await world.token('prod');
    const name = freshName();
    await world.post('/enroll', await body(first.token, undefined, name));
    const { token } = await world.token('prod');
    expect(await world.post('/enroll', await body(token, undefined, name))).toMatchObject({
      status: 409,
      body: { code: 'name_taken' },
    });
    expect((await world.post('/enroll', await body(token))).status).toBe(200);
  });

  it('refuses bodies of the wrong kind, other paths and other methods, with a problem document', async () => {
    const { token } = await world.token('prod');
    const good = await body(token);
    const cases: readonly [string, unknown, number, string][] = [
      ['/enroll', '{', 400, 'invalid_json'],
      ['/enroll', [], 400, 'invalid_request'],
      ['/enroll', { ...good, admin: true }, 400, 'invalid_request'],
      ['/enroll', { ...good, name: '../etc' }, 400, 'invalid_request'],
      ['/enroll', { ...good, csr: 'x'.repeat(20_000) }, 400, 'invalid_request'],
      ['/enroll', 'x'.repeat(70_000), 413, 'body_too_large'],
      ['/renew', good, 404, 'not_found'],
    ];
    for (const [path, sent, status, code] of cases) {
      const answer = await world.post(path, sent);
      expect({ path, status: answer.status, code: answer.body['code'] }).toEqual({ path, status, code });
      expect(answer.headers['content-type']).toBe('application/problem+json');
      expect(JSON.stringify(answer.body)).not.toContain(token);
    }
  });

  it('of a production group waits for a person, and gets nothing before', async () => {
    const { token } = await world.token('guarded');
    const keys = await newKeys();
    const answer = await world.post('/enroll', await body(token, keys));
    const identity = identitySchema.parse(answer.body);
    expect(identity.pending_approval).toBe(true);
    const credentials = { key: keys.key, cert: identity.certificate_chain };
    const harness = { channel: world.channel, serverTls: world.certificate.agents };
    await expect(dial(harness, credentials)).rejects.toThrow('403');
    expect(world.reports.at(-1)).toMatchObject({ kind: 'connection_refused', code: 'approval_pending' });
  });
});

describe('the enrolment listener', () => {
  it('slows down an address that knocks too often', async () => {
    await using slow = await openWorld({ requestsPerMinuteMax: 3 });
    const statuses: number[] = [];
    for (let n = 0; n < 8; n += 1) statuses.push((await slow.post('/enroll', {})).status);
    // The minute of the clock may turn in between, once.
    expect(statuses.filter((status) => status === 429).length).toBeGreaterThanOrEqual(1);
    slow.advance(60_000);
    expect((await slow.post('/enroll', {})).status).toBe(400);
  });
});
