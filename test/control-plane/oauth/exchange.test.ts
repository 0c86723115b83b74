// Token exchange (RFC 8693): narrower tokens that end with the one they were made from (F7), and tokens of one who acts
// for another, never in silence (F9).
import { randomUUIDv7 } from 'node:crypto';
import { decodeJwt } from 'jose';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { makePerson, makeService, must, openWorld, post, serviceToken, whoami } from './world.ts';
import type { Person, Service, TokenReply, World } from './world.ts';

let world: World;
let service: Service;
let ada: Person;
let ben: Person;

beforeAll(async () => {
  world = await openWorld();
  service = await makeService(world, { roles: [{ role: 'admin' }] });
  ada = await makePerson(world, { name: 'ada', roles: [{ role: 'owner' }] });
  ben = await makePerson(world, { name: 'ben', roles: [{ role: 'viewer' }] });
});
afterAll(() => world.close());

const accessToken = 'urn:ietf:params:oauth:token-type:access_token';

function exchange(form: Record<string, string>, as?: Service): Promise<TokenReply> {
  const { actor_token } = form;
  return post(
    world,
    '/oauth2/token',
    {
      grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange',
      subject_token_type: accessToken,
      ...(actor_token === undefined ? {} : { actor_token_type: accessToken }),
      ...form,
    },
    as === undefined ? {} : { as },
  );
}

describe('a narrower token', () => {
  test('has a name of its own, ends no later, and allows what it was narrowed to', async () => {
    const parent = await serviceToken(world, service);
    const { status, body } = await exchange({ subject_token: parent, scope: 'iam.principal.read' }, service);
    expect([status, body['issued_token_type'], body['token_type']]).toEqual([200, accessToken, 'Bearer']);
    const [old, fresh] = [decodeJwt(parent), decodeJwt(body.access_token)];
    expect(fresh.jti).not.toBe(old.jti);
    expect(fresh.exp).toBeLessThanOrEqual(Number(old.exp));
    expect(fresh).toMatchObject({ sub: service.id, scope: 'iam.principal.read', aud: world.url });
    expect(fresh['act']).toBeUndefined();
    expect((await world.api('GET', '/v1/principals', undefined, body.access_token)).status).toBe(200);
    expect((await world.api('GET', '/v1/bindings', undefined, body.access_token)).status).toBe(403);
  });

  test('is not wider than what it was made from, in scope or in reach', async () => {
    const { id } = await must(world.api('POST', '/v1/projects', { name: `p-${randomUUIDv7()}` }));
    const parent = await serviceToken(world, service, {
      scope: 'wayside.project.read wayside.project.update',
      authorization_details: JSON.stringify([{ type: 'wayside', resource: `projects/${id}` }]),
    });
    const asked = { subject_token: parent };
    const details = (resource: string, permissions?: readonly string[]) =>
      JSON.stringify([{ type: 'wayside', resource, ...(permissions === undefined ? {} : { permissions }) }]);
    const wider = [
      { scope: 'wayside' },
      { scope: 'wayside.project.read iam.binding.read' },
      { authorization_details: details('organization') },
      { authorization_details: details('projects/default') },
    ];
    for (const more of wider) {
      const { status, body } = await exchange({ ...asked, ...more }, service);
      expect([more, status, body.error]).toEqual([more, 400, 'invalid_scope']);
    }
    const narrow = await exchange(
      { ...asked, authorization_details: details(`projects/${id}`, ['wayside.project.read']) },
      service,
    );
    const token = narrow.body.access_token;
    expect((await world.api('GET', `/v1/projects/${id}`, undefined, token)).status).toBe(200);
    expect((await world.api('GET', '/v1/projects/default', undefined, token)).status).not.toBe(200);
    const onward = {
      subject_token: token,
      authorization_details: details(`projects/${id}`, ['wayside.project.update']),
    };
    expect((await exchange(onward, service)).body.error).toBe('invalid_scope');
  });

  test('ends with the token that it was made from, through all generations', async () => {
    const parent = await serviceToken(world, service);
    const child = (await exchange({ subject_token: parent }, service)).body.access_token;
    const grandchild = (await exchange({ subject_token: child }, service)).body.access_token;
    expect((await whoami(world, grandchild)).status).toBe(200);
    await post(world, '/oauth2/revoke', { token: parent }, { as: service });
    for (const token of [parent, child, grandchild]) {
      expect((await whoami(world, token)).status).toBe(401);
      expect((await post(world, '/oauth2/introspect', { token }, { as: service })).body).toEqual({
        active: false,
      });
    }
    expect((await exchange({ subject_token: child }, service)).body.error).toBe('invalid_grant');
  });

  test('is made of a personal token too, without any client, and ends with it', async () => {
    const { id, token } = await must(
      world.api('POST', '/v1/principals/self/tokens', { name: 'short', expires_in_ms: 120_000 }, ada.token),
    );
    const { status, body } = await exchange({ subject_token: token, scope: 'iam.self.read' });
    expect(status).toBe(200);
    expect(decodeJwt(body.access_token)).toMatchObject({ sub: ada.id, principal_type: 'user' });
    expect(body.expires_in).toBeLessThanOrEqual(120);
    expect((await whoami(world, body.access_token)).status).toBe(200);
    await must(world.api('DELETE', `/v1/tokens/${id}`, undefined, ada.token));
    expect((await whoami(world, body.access_token)).status).toBe(401);
    expect((await exchange({ subject_token: token })).body.error).toBe('invalid_grant');
  });

  test('follows the bindings as they are, not as they were', async () => {
    const person = await makePerson(world, { roles: [] });
    const binding = await must(world.api('POST', '/v1/bindings', { principal: person.id, role: 'admin' }));
    const { body } = await exchange({ subject_token: person.token, scope: 'iam.principal.read' });
    const read = () => world.api('GET', '/v1/principals', undefined, body.access_token);
    expect((await read()).status).toBe(200);
    await must(world.api('DELETE', `/v1/bindings/${binding.id}`));
    expect((await read()).status).toBe(403);
  });

  test('is not made of anything that is no good token, or of another kind', async () => {
    const parent = await serviceToken(world, service);
    const audience = 'https://shelf.example';
    await makeService(world, { roles: [], credential: { audiences: [audience] } });
    const elsewhere = await serviceToken(world, service, { resource: audience });
    const refused: readonly [Record<string, string>, string][] = [
      [{ subject_token: 'garbage' }, 'invalid_grant'],
      [{ subject_token: elsewhere }, 'invalid_grant'],
      [
        { subject_token: parent, subject_token_type: 'urn:ietf:params:oauth:token-type:saml2' },
        'invalid_request',
      ],
      [
        { subject_token: parent, requested_token_type: 'urn:ietf:params:oauth:token-type:refresh_token' },
        'invalid_request',
      ],
      [{ subject_token: parent, scope: 'no.such.scope' }, 'invalid_scope'],
      [{ subject_token: parent, resource: 'https://nobody.example' }, 'invalid_target'],
      [{ subject_token: parent, actor_token: 'garbage' }, 'invalid_grant'],
      [{}, 'invalid_request'],
    ];
    for (const [form, error] of refused) {
      const reply = await exchange(form, service);
      expect([form, reply.status, reply.body.error]).toEqual([form, 400, error]);
    }
  });
});

describe('acting for somebody', () => {
  test('names both, in the token and in the audit', async () => {
    const { status, body } = await exchange({ subject_token: ada.token, requested_subject: 'ben' });
    expect(status).toBe(200);
    expect(decodeJwt(body.access_token)).toMatchObject({ sub: ben.id, act: { sub: ada.id } });
    expect((await whoami(world, body.access_token)).body.principal?.id).toBe(ben.id);
    const seen = await post(
      world,
      '/oauth2/introspect',
      { token: body.access_token },
      { as: await introspector() },
    );
    expect(seen.body).toMatchObject({ active: true, sub: ben.id, act: { sub: ada.id } });
    const { items } = await must(world.api('GET', '/v1/audit?operation=access_token.issue&limit=50'));
    const event = items.find((each) =>
      JSON.stringify(each).includes(String(decodeJwt(body.access_token).jti)),
    );
    expect(JSON.stringify(event)).toContain(ada.id);
    expect(JSON.stringify(event)).toContain(ben.id);
  });

  test('never makes stronger: not from a lower role, not without the right', async () => {
    const lower = await exchange({ subject_token: ben.token, requested_subject: 'ada' });
    expect([lower.status, lower.body.error]).toEqual([400, 'invalid_grant']);
    const admin = await makePerson(world, { roles: [{ role: 'admin' }] });
    expect((await exchange({ subject_token: admin.token, requested_subject: 'ada' })).body.error).toBe(
      'invalid_grant',
    );
    const nobody = await exchange({ subject_token: ada.token, requested_subject: 'nobody' });
    expect(nobody.body.error).toBe('invalid_grant');
    // A token that was narrowed does not act by the right that it was narrowed from.
    const narrow = await exchange({ subject_token: ada.token, scope: 'iam.principal.read' });
    const onward = await exchange({ subject_token: narrow.body.access_token, requested_subject: 'ben' });
    expect(onward.body.error).toBe('invalid_grant');
  });

  test('is not elevated, and writes only what both may', async () => {
    const { body } = await exchange({ subject_token: ada.token, requested_subject: 'ben' });
    const refused = await world.api('POST', '/v1/projects', { name: 'acted' }, body.access_token);
    expect(refused.status).toBe(403);
  });

  test('is not done by whoever got hold of a token: a service that passes one on is named, or refused', async () => {
    const helper = await makeService(world, { roles: [{ role: 'owner' }] });
    const { body, status } = await exchange({ subject_token: ben.token, scope: 'iam.self.read' }, helper);
    expect(status).toBe(200);
    expect(decodeJwt(body.access_token)).toMatchObject({ sub: ben.id, act: { sub: helper.id } });
    const weak = await makeService(world, { roles: [{ role: 'viewer' }] });
    expect((await exchange({ subject_token: ada.token }, weak)).body.error).toBe('invalid_grant');
  });

  test('is allowed by the subject’s own word, where the actor could do it itself', async () => {
    const friend = await makeService(world, { roles: [{ role: 'viewer' }] });
    const without = await exchange({ subject_token: ben.token }, friend);
    expect(without.body.error).toBe('invalid_grant');
    const given = await exchange({ subject_token: ben.token, may_act: friend.id });
    expect(decodeJwt(given.body.access_token)).toMatchObject({ sub: ben.id, may_act: { sub: friend.id } });
    const acted = await exchange(
      { subject_token: given.body.access_token, actor_token: await serviceToken(world, friend) },
      friend,
    );
    expect(acted.status).toBe(200);
    expect(decodeJwt(acted.body.access_token)).toMatchObject({ sub: ben.id, act: { sub: friend.id } });
    // Its word was for one, and is not passed on.
    expect(decodeJwt(acted.body.access_token)['may_act']).toBeUndefined();
  });

  test('goes through three hands at the most', async () => {
    const hands = await Promise.all(
      Array.from({ length: 4 }, () => makeService(world, { roles: [{ role: 'owner' }] })),
    );
    let token = ben.token;
    for (const [index, hand] of hands.entries()) {
      const { status, body } = await exchange({ subject_token: token }, hand);
      if (index === 3) {
        expect(status).toBe(400);
        break;
      }
      expect([index, status]).toEqual([index, 200]);
      token = body.access_token;
    }
    const chain = decodeJwt(token)['act'];
    expect(chain).toEqual({
      sub: hands[2]!.id,
      act: { sub: hands[1]!.id, act: { sub: hands[0]!.id } },
    });
    expect((await whoami(world, token)).status).toBe(200);
  });

  test('ends when the one who acts is disabled', async () => {
    const hand = await makeService(world, { roles: [{ role: 'owner' }] });
    const { body } = await exchange({ subject_token: ben.token }, hand);
    expect((await whoami(world, body.access_token)).status).toBe(200);
    await must(world.api('DELETE', `/v1/principals/${hand.id}`));
    expect((await whoami(world, body.access_token)).status).toBe(401);
  });
});

async function introspector(): Promise<Service> {
  return makeService(world, { roles: [{ role: 'owner' }] });
}
