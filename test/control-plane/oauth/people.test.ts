// People sign in at clients: by code and PKCE, on a device, with refresh; and the one client that knows no PKCE (F5).
import { decodeJwt, decodeProtectedHeader } from 'jose';
import * as client from 'openid-client';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { Browser, makePerson, must, openWorld, post, whoami } from './world.ts';
import type { Person, TokenReply, World } from './world.ts';

let world: World;
let ada: Person;

beforeAll(async () => {
  world = await openWorld();
  ada = await makePerson(world, { name: 'ada' });
});
afterAll(() => world.close());

const hcp = '4edd6521-6eb9-4d78-9039-7ce8569d667c';
const insecure = { execute: [client.allowInsecureRequests] };
const callback = 'http://127.0.0.1:49152/callback';

async function discover(id: string, secret?: string): Promise<client.Configuration> {
  const method = secret === undefined ? client.None() : client.ClientSecretBasic(secret);
  return client.discovery(
    new URL(world.url),
    id,
    { id_token_signed_response_alg: 'ES256' },
    method,
    insecure,
  );
}

async function begin(config: client.Configuration, parameters: Record<string, string> = {}) {
  const verifier = client.randomPKCECodeVerifier();
  const state = client.randomState();
  const url = client.buildAuthorizationUrl(config, {
    redirect_uri: callback,
    scope: 'openid offline_access wayside',
    code_challenge: await client.calculatePKCECodeChallenge(verifier),
    code_challenge_method: 'S256',
    state,
    ...parameters,
  });
  return { url: url.href, checks: { pkceCodeVerifier: verifier, expectedState: state } };
}

/** Signs ada in at the command line's client, as a browser and the client would together. */
async function signIn(parameters: Record<string, string> = {}, acr = 'single-factor') {
  const config = await discover('wayside-cli');
  const { url, checks } = await begin(config, parameters);
  const browser = new Browser(world);
  browser.signIn(ada.id, acr);
  const arrived = await browser.open(url);
  const tokens = await client.authorizationCodeGrant(config, new URL(arrived.url), checks);
  return { config, tokens, arrived: new URL(arrived.url), checks };
}

function refresh(token: string | undefined, id = 'wayside-cli'): Promise<TokenReply> {
  return post(world, '/oauth2/token', {
    grant_type: 'refresh_token',
    client_id: id,
    refresh_token: token ?? '',
  });
}

test('a code with PKCE becomes an opaque token, an ID token and a refresh token', async () => {
  const { tokens } = await signIn({ scope: 'openid profile offline_access wayside' });
  expect(tokens.access_token).toMatch(/^wsa_[\w-]{43}$/);
  expect(tokens.refresh_token).toMatch(/^wsf_[\w-]{43}$/);
  expect(tokens.expires_in).toBeGreaterThan(590);
  expect(tokens.claims()).toMatchObject({ sub: ada.id, name: 'ada', acr: 'urn:wayside:acr:single-factor' });
  expect(decodeProtectedHeader(tokens.id_token ?? '').alg).toBe('ES256');
  expect(await whoami(world, tokens.access_token)).toMatchObject({
    status: 200,
    body: { principal: { id: ada.id } },
  });
  const asApi = await whoami(world, tokens.id_token ?? '');
  expect([asApi.status, asApi.challenge]).toEqual([401, 'Bearer error="invalid_token"']);
});

test('whoever is not signed in is sent to sign in, and comes back to the same place', async () => {
  const { url } = await begin(await discover('wayside-cli'));
  const browser = new Browser(world);
  const sent = new URL((await browser.open(url)).url);
  expect(sent.pathname).toBe('/sign-in');
  const back = sent.searchParams.get('return_to') ?? '';
  expect(back).toMatch(/^\/oauth2\/interaction\/[\w-]+$/);
  browser.signIn(ada.id);
  expect((await browser.open(back)).url).toContain(`${callback}?code=`);
});

test('a sign-out counts at once, whatever the protocol remembers of the browser', async () => {
  const config = await discover('wayside-cli');
  const browser = new Browser(world);
  browser.signIn(ada.id);
  expect((await browser.open((await begin(config)).url)).url).toContain(callback);
  browser.signOut();
  expect((await browser.open((await begin(config)).url)).url).toContain('/sign-in?');
});

test('a client asks for a fresh or a stronger sign-in, and gets nothing before there is one', async () => {
  const config = await discover('wayside-cli');
  const browser = new Browser(world);
  browser.signIn(ada.id, 'single-factor', world.now() - 3_600_000);
  const aged = new URL((await browser.open((await begin(config, { max_age: '60' })).url)).url);
  expect([aged.pathname, aged.searchParams.get('max_age')]).toEqual(['/sign-in', '1']);
  browser.signIn(ada.id, 'single-factor', world.now() - 10_000);
  expect((await browser.open((await begin(config, { max_age: '60' })).url)).url).toContain(callback);

  const elevated = { acr_values: 'urn:wayside:acr:elevated' };
  const weak = new URL((await browser.open((await begin(config, elevated)).url)).url);
  expect(weak.searchParams.get('acr_values')).toBe('urn:wayside:acr:elevated');
  browser.signIn(ada.id, 'elevated');
  expect((await browser.open((await begin(config, elevated)).url)).url).toContain(callback);
});

test('a token is as elevated as the sign-in was, and for minutes only', async () => {
  const path = '/v1/principals';
  const make = (token: string, name: string) => world.api('POST', path, { name }, token);
  const owner = await makePerson(world, { roles: [{ role: 'owner' }] });
  const at = async (acr: string, since = world.now()) => {
    const config = await discover('wayside-cli');
    const { url, checks } = await begin(config);
    const browser = new Browser(world);
    browser.signIn(owner.id, acr, since);
    const arrived = await browser.open(url);
    return client.authorizationCodeGrant(config, new URL(arrived.url), checks);
  };
  const refused = await make((await at('multi-factor')).access_token, 'made-reduced');
  expect([refused.status, refused.headers.get('www-authenticate')]).toEqual([
    401,
    expect.stringContaining('insufficient_user_authentication'),
  ]);
  expect((await make((await at('elevated')).access_token, 'made-elevated')).status).toBe(201);
  const old = await at('elevated', world.now() - 15 * 60_000);
  expect((await make(old.access_token, 'made-later')).status).toBe(401);
});

describe('a code', () => {
  test('is good once; the second time all that it brought ends', async () => {
    const { config, tokens, arrived, checks } = await signIn();
    await expect(client.authorizationCodeGrant(config, arrived, checks)).rejects.toMatchObject({
      error: 'invalid_grant',
    });
    expect((await whoami(world, tokens.access_token)).status).toBe(401);
    expect((await refresh(tokens.refresh_token)).body.error).toBe('invalid_grant');
  });

  test('is redeemed by one of many who try at the same time', async () => {
    const config = await discover('wayside-cli');
    const { url, checks } = await begin(config);
    const browser = new Browser(world);
    browser.signIn(ada.id);
    const code = new URL((await browser.open(url)).url).searchParams.get('code') ?? '';
    const form = {
      grant_type: 'authorization_code',
      client_id: 'wayside-cli',
      code,
      redirect_uri: callback,
      code_verifier: checks.pkceCodeVerifier,
    };
    const replies = await Promise.all(Array.from({ length: 8 }, () => post(world, '/oauth2/token', form)));
    expect(replies.map(({ status }) => status).sort()).toEqual([200, ...Array<number>(7).fill(400)]);
    const winner = replies.find(({ status }) => status === 200)!;
    for (const reply of replies) if (reply !== winner) expect(reply.body.error).toBe('invalid_grant');
    // Nobody knows which of them was the thief, so the one that won has nothing either.
    expect((await whoami(world, winner.body.access_token)).status).toBe(401);
    expect((await refresh(winner.body.refresh_token)).body.error).toBe('invalid_grant');
  });

  test('that is confined to one place brings no token that reaches further, now or by refresh', async () => {
    const { id } = await must(world.api('POST', '/v1/projects', { name: `confined-${world.now()}` }));
    const details = (resource: string, permissions?: readonly string[]) =>
      JSON.stringify([{ type: 'wayside', resource, ...(permissions === undefined ? {} : { permissions }) }]);
    const config = await discover('wayside-cli');
    const codeFor = async () => {
      const kept = details(`projects/${id}`, ['wayside.project.read', 'wayside.project.update']);
      const { url, checks } = await begin(config, { authorization_details: kept });
      const browser = new Browser(world);
      browser.signIn(ada.id);
      const code = new URL((await browser.open(url)).url).searchParams.get('code') ?? '';
      const form = {
        grant_type: 'authorization_code',
        client_id: 'wayside-cli',
        code,
        redirect_uri: callback,
        code_verifier: checks.pkceCodeVerifier,
      };
      return (more: Record<string, string>) => post(world, '/oauth2/token', { ...form, ...more });
    };
    const wider = [
      details('organization'),
      details('projects/default'),
      details(`projects/${id}`, ['iam.principal.read']),
    ];
    for (const authorization_details of wider) {
      const refused = await (await codeFor())({ authorization_details });
      expect([authorization_details, refused.status, refused.body.error]).toEqual([
        authorization_details,
        400,
        'invalid_scope',
      ]);
    }
    const first = await (await codeFor())({});
    expect(first.status).toBe(200);
    const renewed = (token: string | undefined, authorization_details: string) =>
      post(world, '/oauth2/token', {
        grant_type: 'refresh_token',
        client_id: 'wayside-cli',
        refresh_token: token ?? '',
        authorization_details,
      });
    const narrower = await renewed(
      first.body.refresh_token,
      details(`projects/${id}`, ['wayside.project.read']),
    );
    const reads = async (path: string) =>
      (await world.api('GET', path, undefined, narrower.body.access_token)).status;
    expect(await reads(`/v1/projects/${id}`)).toBe(200);
    expect(await reads('/v1/principals')).not.toBe(200);
    const refused = await renewed(narrower.body.refresh_token, details('organization'));
    expect([refused.status, refused.body.error]).toEqual([400, 'invalid_scope']);
  });

  test('needs its verifier, its redirect address and its client, and lapses after a minute', async () => {
    const config = await discover('wayside-cli');
    const redeem = async (change: Record<string, string>, waitMs = 0) => {
      const { url, checks } = await begin(config);
      const browser = new Browser(world);
      browser.signIn(ada.id);
      const code = new URL((await browser.open(url)).url).searchParams.get('code') ?? '';
      const form = {
        grant_type: 'authorization_code',
        client_id: 'wayside-cli',
        code,
        redirect_uri: callback,
        code_verifier: checks.pkceCodeVerifier,
        ...change,
      };
      // The library has no clock that could be moved but that of the process.
      vi.setSystemTime(Date.now() + waitMs);
      try {
        return (await post(world, '/oauth2/token', form)).body.error;
      } finally {
        vi.useRealTimers();
      }
    };
    expect(await redeem({})).toBeUndefined();
    expect(await redeem({}, 50_000)).toBeUndefined();
    expect(await redeem({}, 62_000)).toBe('invalid_grant');
    expect(await redeem({ code_verifier: 'x'.repeat(43) })).toBe('invalid_grant');
    expect(await redeem({ redirect_uri: 'http://127.0.0.1:49153/callback' })).toBe('invalid_grant');
    expect(await redeem({ client_id: hcp })).toBe('invalid_grant');
  });

  test('is not given without PKCE, nor to an address that is not the client’s', async () => {
    const browser = new Browser(world);
    browser.signIn(ada.id);
    const ask = (parameters: Record<string, string>) =>
      browser.open(
        `/oauth2/auth?${new URLSearchParams({
          client_id: 'wayside-cli',
          response_type: 'code',
          redirect_uri: callback,
          scope: 'openid',
          ...parameters,
        }).toString()}`,
      );
    expect((await ask({})).url).toContain('error=invalid_request');
    expect((await ask({ code_challenge: 'x'.repeat(43), code_challenge_method: 'plain' })).url).toContain(
      'error=',
    );
    const elsewhere = await ask({ redirect_uri: 'https://evil.example/callback' });
    expect([elsewhere.status, elsewhere.url]).toEqual([400, expect.stringContaining(world.url)]);
    expect((await ask({ client_id: 'nobody' })).status).toBe(400);
  });
});

describe('a refresh token', () => {
  test('is replaced by each use, and used twice it ends its whole family', async () => {
    const { tokens } = await signIn();
    const first = await refresh(tokens.refresh_token);
    expect(first.status).toBe(200);
    expect(first.body.refresh_token).not.toBe(tokens.refresh_token);
    expect((await whoami(world, first.body.access_token)).status).toBe(200);
    const stolen = await refresh(tokens.refresh_token);
    expect([stolen.status, stolen.body.error]).toEqual([400, 'invalid_grant']);
    expect((await whoami(world, first.body.access_token)).status).toBe(401);
    expect((await refresh(first.body.refresh_token)).body.error).toBe('invalid_grant');
  });

  test('belongs to its client, asks for no more than it has, and ends with its person', async () => {
    const leaving = await makePerson(world);
    const config = await discover('wayside-cli');
    const { url, checks } = await begin(config, { scope: 'openid offline_access iam.self.read' });
    const browser = new Browser(world);
    browser.signIn(leaving.id);
    const arrived = await browser.open(url);
    const tokens = await client.authorizationCodeGrant(config, new URL(arrived.url), checks);
    expect((await refresh(tokens.refresh_token, hcp)).body.error).toBe('invalid_grant');
    const more = await post(world, '/oauth2/token', {
      grant_type: 'refresh_token',
      client_id: 'wayside-cli',
      refresh_token: tokens.refresh_token ?? '',
      scope: 'wayside',
    });
    expect(more.body.error).toBe('invalid_scope');
    await must(world.api('DELETE', `/v1/principals/${leaving.id}`));
    expect((await whoami(world, tokens.access_token)).status).toBe(401);
    expect((await refresh(tokens.refresh_token)).body.error).toBe('invalid_grant');
  });

  test('and everything else that clients hold for a person ends on demand', async () => {
    const [one, two] = [await signIn(), await signIn()];
    await world.oauth.revokeAllOf(ada.id);
    for (const { tokens } of [one, two]) {
      expect((await whoami(world, tokens.access_token)).status).toBe(401);
      expect((await refresh(tokens.refresh_token)).body.error).toBe('invalid_grant');
    }
  });
});

describe('a device', () => {
  async function authorize() {
    const config = await discover('wayside-cli');
    const answer = await client.initiateDeviceAuthorization(config, {
      scope: 'openid offline_access wayside',
    });
    return { config, answer };
  }
  const poll = (code: string) =>
    post(world, '/oauth2/token', {
      grant_type: 'urn:ietf:params:oauth:grant-type:device_code',
      client_id: 'wayside-cli',
      device_code: code,
    });
  const fieldsOf = (html: string) =>
    Object.fromEntries(
      [...html.matchAll(/<input type="hidden" name="(\w+)" value="([^"]*)"/g)].map(([, name, value]) => [
        name,
        value,
      ]),
    ) as Record<string, string>;

  test('shows a code, waits, and is signed in when a person has confirmed it', async () => {
    const { answer } = await authorize();
    expect(answer.user_code).toMatch(/^[A-Z]{4}-[A-Z]{4}$/);
    expect(answer.verification_uri).toBe(`${world.url}/device`);
    expect((await poll(answer.device_code)).body.error).toBe('authorization_pending');

    const browser = new Browser(world);
    const page = await browser.open('/device');
    expect(page.headers.get('content-security-policy')).toContain("frame-ancestors 'none'");
    const wrong = await browser.open('/device', { ...fieldsOf(page.text), user_code: 'BBBB-BBBB' });
    expect(wrong.text).toContain('There is no such code');
    const asked = await browser.open('/device', { ...fieldsOf(wrong.text), user_code: answer.user_code });
    expect(asked.text).toContain(answer.user_code);
    expect(asked.text).toContain('the wayside command line');
    const sent = new URL((await browser.open('/device', fieldsOf(asked.text))).url);
    expect(sent.pathname).toBe('/sign-in');
    expect((await poll(answer.device_code)).body.error).toBe('authorization_pending');
    browser.signIn(ada.id);
    const done = await browser.open(sent.searchParams.get('return_to') ?? '');
    expect([done.status, done.text]).toEqual([200, expect.stringContaining('Signed in')]);

    const tokens = await poll(answer.device_code);
    expect(tokens.status).toBe(200);
    expect((await whoami(world, tokens.body.access_token)).body.principal?.id).toBe(ada.id);
    expect((await refresh(tokens.body.refresh_token)).status).toBe(200);
    expect((await poll(answer.device_code)).body.error).toBe('invalid_grant');
  });

  test('gets nothing where the person stops, or does nothing for too long', async () => {
    const { answer } = await authorize();
    const browser = new Browser(world);
    const page = await browser.open('/device');
    const asked = await browser.open('/device', { ...fieldsOf(page.text), user_code: answer.user_code });
    const stopped = await browser.open('/device', { ...fieldsOf(asked.text), abort: 'yes' });
    expect(stopped.text).toContain('stopped');
    expect((await poll(answer.device_code)).body.error).toBe('access_denied');
    expect((await poll('nothing')).body.error).toBe('invalid_grant');
  });
});

test('a page that belongs to no sign-in says so, on whichever path it was opened', async () => {
  for (const path of ['/device/x', '/oauth2/auth/x', '/oauth2/interaction/x']) {
    const { status, text } = await new Browser(world).open(path);
    expect([path, status]).toEqual([path, 400]);
    expect(text).toContain('<h1>');
  }
  const posted = await new Browser(world).open('/device', { user_code: 'BBBB-BBBB' });
  expect([posted.status, posted.text.includes('Open /device again')]).toEqual([400, true]);
  // With a session the form is shown again, and works.
  const browser = new Browser(world);
  await browser.open('/device');
  expect((await browser.open('/device/x')).text).toContain('Enter the code');
});

test('what a client writes after a second question mark is not lost', async () => {
  const { url } = await begin(await discover('wayside-cli'), { state: 'questionable' });
  const browser = new Browser(world);
  browser.signIn(ada.id);
  const arrived = await browser.open(url.replace('state=questionable', 'state=what?is&prompt=consent'));
  expect(arrived.url).toContain(`${callback}?code=`);
  expect(new URL(arrived.url).searchParams.get('state')).toBe('what?is');
});

describe('the tools of HashiCorp', () => {
  const hcpCallback = 'http://localhost:8443/oidc/callback';
  const ask = (browser: Browser) =>
    browser.open(
      `/oauth2/auth?${new URLSearchParams({
        response_type: 'code',
        client_id: hcp,
        redirect_uri: hcpCallback,
        scope: 'openid offline_access',
        state: 'state',
        access_type: 'offline',
        audience: 'https://api.hashicorp.cloud',
      }).toString()}`,
    );

  test('sign a person in without PKCE, probing with an empty secret', async () => {
    const browser = new Browser(world);
    browser.signIn(ada.id);
    const arrived = new URL((await ask(browser)).url);
    expect(arrived.href).toContain(`${hcpCallback}?code=`);
    const form = {
      grant_type: 'authorization_code',
      code: arrived.searchParams.get('code') ?? '',
      redirect_uri: hcpCallback,
    };
    const first = await post(world, '/oauth2/token', form, { as: { clientId: hcp, clientSecret: '' } });
    expect(first.status).toBeGreaterThanOrEqual(400);
    const second = await post(world, '/oauth2/token', { ...form, client_id: hcp, client_secret: '' });
    expect(second.status).toBe(200);
    expect(typeof second.body.expires_in).toBe('number');
    expect((await whoami(world, second.body.access_token)).body.principal?.id).toBe(ada.id);
    const again = await refresh(second.body.refresh_token, hcp);
    expect((await whoami(world, again.body.access_token)).status).toBe(200);
  });
});

describe('an application of others', () => {
  test('gets an ID token when the person has agreed, and nothing when not', async () => {
    const { id, client_secret } = await must(
      world.api('POST', '/v1/oauth-clients', {
        name: 'tickets',
        redirect_uris: ['https://tickets.example/cb'],
      }),
    );
    const config = await discover(id, String(client_secret));
    const parameters = { redirect_uri: 'https://tickets.example/cb', scope: 'openid profile groups' };
    const browser = new Browser(world);
    browser.signIn(ada.id);
    const { url, checks } = await begin(config, parameters);
    const page = await browser.open(url);
    expect(page.status).toBe(200);
    expect(page.text).toContain('tickets asks for access');
    expect(page.text).toContain('tickets.example');
    expect(page.headers.get('content-security-policy')).toContain('form-action');
    const agreed = await browser.open(page.url, { decision: 'allow' });
    const tokens = await client.authorizationCodeGrant(config, new URL(agreed.url), checks);
    expect(tokens.claims()).toMatchObject({ sub: ada.id, aud: id, name: 'ada', groups: [] });
    expect(decodeJwt(tokens.id_token ?? '').iss).toBe(world.url);
    // It was given no permission of ours, so its token has none.
    expect((await world.api('GET', '/v1/principals', undefined, tokens.access_token)).status).toBe(403);

    const again = await browser.open((await begin(config, parameters)).url);
    const refused = await browser.open(again.url, { decision: 'refuse' });
    expect(refused.url).toContain('error=access_denied');

    await must(world.api('DELETE', `/v1/oauth-clients/${id}`));
    expect((await whoami(world, tokens.access_token)).status).toBe(401);
  });
});
