// Elevation over a whole server (F8): the token of a command line, stepped up by its owner's password or by another
// authorization; and what the cookies are where the server is reached over TLS.
import * as client from 'openid-client';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Browser } from '../support/browser.ts';
import { callApi, startTestServer } from '../support/server.ts';
import type { TestServer } from '../support/server.ts';
import { must } from '../support/people.ts';

const password = 'a horse in the staircase';
const callback = 'http://127.0.0.1:49152/callback';
let server: TestServer;
let config: client.Configuration;

beforeAll(async () => {
  server = await startTestServer();
  await invite(server, 'owner');
  const metadata = { id_token_signed_response_alg: 'ES256' };
  const insecure = { execute: [client.allowInsecureRequests] };
  config = await client.discovery(new URL(server.url), 'wayside-cli', metadata, client.None(), insecure);
});
afterAll(() => server.close());

async function invite(at: TestServer, name: string, origin = at.url): Promise<Browser> {
  const link = await must(
    at.api<{ url: string }>('POST', `/v1/principals/${name}/sign-in-links`, { purpose: 'invite' }),
  );
  const code = new URL(link.body.url).searchParams.get('code') ?? '';
  const browser = new Browser(at.url);
  browser.origin = origin;
  const form = { code, password, again: password };
  const seen = await browser.send('POST', '/sign-in/setup', { form });
  expect(seen.status, seen.text).toBe(303);
  return browser;
}

/** The tokens of the command line, after a person has done in a browser what its pages ask for. */
async function authorize(parameters: Record<string, string> = {}) {
  const verifier = client.randomPKCECodeVerifier();
  const expectedState = client.randomState();
  const url = client.buildAuthorizationUrl(config, {
    redirect_uri: callback,
    scope: 'openid offline_access wayside',
    code_challenge: await client.calculatePKCECodeChallenge(verifier),
    code_challenge_method: 'S256',
    state: expectedState,
    ...parameters,
  });
  const browser = new Browser(server.url);
  const visited: string[] = [];
  let at = url.href;
  while (!at.startsWith(callback)) {
    const { pathname, searchParams } = new URL(at, server.url);
    visited.push(pathname.replace(/interaction\/.*/, 'interaction'));
    const form = { ...Object.fromEntries(searchParams), name: 'owner', password, reason: 'a new colleague' };
    const isForm = pathname === '/sign-in' || pathname === '/sign-in/elevate';
    const first = await browser.get(at);
    const seen = isForm && first.location === null ? await browser.send('POST', pathname, { form }) : first;
    const [, refresh] = /content="0;url=([^"]+)"/.exec(seen.text) ?? [];
    at = new URL(seen.location ?? refresh ?? '', server.url).href;
    if (visited.length > 15) throw new Error(`round in circles: ${visited.join(' ')}\n${seen.text}`);
  }
  const checks = { pkceCodeVerifier: verifier, expectedState };
  return { tokens: await client.authorizationCodeGrant(config, new URL(at), checks), visited };
}

const as = (token: string, method: string, path: string, body?: unknown) =>
  callApi({ url: server.url, token, method, path, body });

describe('the token of a sign-in', () => {
  test('does nothing sensitive before its owner has shown again who they are', async () => {
    const { tokens } = await authorize();
    const token = tokens.access_token;
    const refused = await as(token, 'POST', '/v1/principals', { name: 'first' });
    expect([refused.status, refused.body.code]).toEqual([401, 'elevation_needed']);
    expect(refused.headers.get('www-authenticate')).toMatch(
      /insufficient_user_authentication.*acr_values="urn:wayside:acr:elevated"/,
    );
    const wrong = await as(token, 'POST', '/v1/elevate', { reason: 'a new colleague', password: 'no' });
    expect(wrong.body.code).toBe('sign_in_failed');
    const elevated = await as(token, 'POST', '/v1/elevate', { reason: 'a new colleague', password });
    expect(elevated.status).toBe(200);
    expect((await as(token, 'POST', '/v1/principals', { name: 'first' })).status).toBe(201);
    const other = await authorize();
    expect((await as(other.tokens.access_token, 'DELETE', '/v1/principals/first')).status).toBe(401);
    const { body } = await server.api('GET', '/v1/audit?operation=session.elevate');
    expect(body.items[0]).toMatchObject({ details: { reason: 'a new colleague' } });
  });

  test('is elevated where its client asked for that, and the person said why', async () => {
    const { tokens, visited } = await authorize({ acr_values: 'urn:wayside:acr:elevated', max_age: '900' });
    expect(visited).toEqual(
      expect.arrayContaining(['/oauth2/auth', '/sign-in', '/sign-in/elevate', '/sign-in/continue']),
    );
    expect(tokens.claims()).toMatchObject({ acr: 'urn:wayside:acr:elevated' });
    expect((await as(tokens.access_token, 'POST', '/v1/principals', { name: 'second' })).status).toBe(201);
    const fresh = await client.refreshTokenGrant(config, tokens.refresh_token ?? '');
    expect(fresh.access_token).not.toBe(tokens.access_token);
  });
});

test('signing out everywhere ends the command lines too', async () => {
  const { tokens } = await authorize();
  expect((await as(tokens.access_token, 'GET', '/v1/whoami')).status).toBe(200);
  await must(server.api('DELETE', '/v1/principals/owner/sessions'));
  expect((await as(tokens.access_token, 'GET', '/v1/whoami')).status).toBe(401);
  await expect(client.refreshTokenGrant(config, tokens.refresh_token ?? '')).rejects.toMatchObject({
    error: 'invalid_grant',
  });
});

describe('where browsers reach us over TLS', () => {
  test('cookies are bound to this very host, and those of the clear are not heard', async () => {
    const origin = 'https://wayside.example.com';
    const behind = await startTestServer({ options: { 'public-url': origin } });
    try {
      const browser = await invite(behind, 'owner', origin);
      expect([...browser.cookies.keys()].sort()).toEqual(['__Host-wayside', '__Host-wayside-device']);
      const form = { name: 'owner', password };
      const { headers } = await browser.send('POST', '/sign-in', { form });
      const cookies = [headers['set-cookie'] ?? []].flat();
      for (const cookie of cookies)
        expect(cookie).toMatch(/^__Host-.*; Path=\/; HttpOnly; SameSite=Lax; Secure/);
      expect((await browser.get('/v1/whoami')).status).toBe(200);
      const stolen = `wayside-loopback=${browser.cookies.get('__Host-wayside')}`;
      const answer = await fetch(`${behind.url}/v1/whoami`, { headers: { cookie: stolen } });
      expect(answer.status).toBe(401);
      browser.origin = behind.url;
      expect((await browser.send('POST', '/sign-in', { form })).status).toBe(403);
    } finally {
      await behind.close();
    }
  });
});
