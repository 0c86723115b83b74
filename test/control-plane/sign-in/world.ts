// The API with sign-in over a real store and real HTTP, with a clock that a test can move.
import { pino } from 'pino';
import { openTrail } from '../../../control-plane/audit/trail.ts';
import { openAuthority } from '../../../control-plane/authority/authority.ts';
import type { Authority } from '../../../control-plane/authority/authority.ts';
import { recordDenied } from '../../../control-plane/authority/deny.ts';
import { authorityRoutes } from '../../../control-plane/authority/routes.ts';
import { openApp } from '../../../control-plane/http/app.ts';
import { issueFirstToken, createOrganization } from '../../../control-plane/organizations/initialize.ts';
import { principalRoutes } from '../../../control-plane/principals/routes.ts';
import { openSignIn } from '../../../control-plane/sign-in/open.ts';
import type { SignIn } from '../../../control-plane/sign-in/open.ts';
import type { Store } from '../../../control-plane/store/store.ts';
import { parseJson } from '../../../protocol/json.ts';
import { Browser } from '../../support/browser.ts';
import { must } from '../../support/people.ts';
import { callApi } from '../../support/server.ts';
import type { ApiAnswer, Seen } from '../../support/server.ts';
import { openInstallation } from '../pki/installation.ts';

export interface World extends AsyncDisposable {
  readonly url: string;
  readonly store: Store;
  readonly signIn: SignIn;
  readonly authority: Authority;
  /** The first owner's. */
  readonly token: string;
  /** Path and query of the link by which the first owner sets a password. */
  readonly setupPath: string;
  readonly denials: string[];
  /** Ids of principals whose tokens were ended. */
  readonly endedTokens: string[];
  now(): number;
  advance(ms: number): void;
  /** At an address of its own, if it says so. */
  browser(options?: { readonly address?: string }): Browser;
  /** As the first owner. */
  api<Body = Seen>(
    method: string,
    path: string,
    body?: unknown,
    headers?: Readonly<Record<string, string | undefined>>,
  ): Promise<ApiAnswer<Body>>;
  /** A user with a password, who is signed in nowhere. */
  user(name: string, options?: { readonly password?: string; readonly role?: string }): Promise<string>;
  /** Operations of the trail, newest first. */
  events(): Promise<readonly { operation: string; result: string; details: Record<string, unknown> }[]>;
}

export const goodPassword = 'a horse in the staircase';

export async function openWorld(): Promise<World> {
  // It stands still, so that no delay passes by itself on a slow machine.
  let now = Date.now();
  const clock = { now: () => now };
  const installation = await openInstallation({ clock: clock.now });
  const { store, secrets } = installation;
  const denials: string[] = [];
  const endedTokens: string[] = [];
  const trail = openTrail({ store, mac: secrets.auditMac, clock });
  const audit = { ...trail, countDenial: (reason: string) => void denials.push(reason) };
  await createOrganization({ store, audit });
  const authority = await openAuthority(store, clock);
  const app = await openApp({
    authority,
    log: pino({ level: 'silent' }),
    requestsPerMinute: 100_000,
    version: 'test',
    tls: null,
    unauthenticated: (code) => denials.push(code),
  });
  const listening = () => app.listeningOrigin;
  const signIn = openSignIn({
    store,
    audit,
    authority,
    secrets,
    clock,
    mac: secrets.bodyMac,
    endTokensOf: async (principal) => void endedTokens.push(principal),
    publicUrl: null,
    listening,
  });
  authority.accept(signIn.authenticator);
  const deps = {
    ...{ authority, store, audit, secrets, clock, mac: secrets.bodyMac },
    denied: ((decision, caller, request) =>
      recordDenied({ store, audit }, { decision, caller, request })) as Parameters<
      typeof authorityRoutes
    >[1]['denied'],
  };
  await signIn.register(app, deps);
  authorityRoutes(app, deps as never);
  principalRoutes(app, deps);
  const url = await app.listen({ host: '127.0.0.1', port: 0 });
  let setupPath = '';
  const token = await issueFirstToken({ store, audit }, (owner) => {
    const link = signIn.setupLink(owner);
    setupPath = link.url.replace(/^https?:\/\/[^/]+/, '');
    return link.steps;
  });
  await authority.reload();
  const browsers: Browser[] = [];
  const world: World = {
    ...{ url, store, signIn, authority, token: token ?? '', setupPath, denials, endedTokens },
    now: () => clock.now(),
    advance: (ms) => void (now += ms),
    browser(options) {
      const browser = new Browser(url, options);
      browsers.push(browser);
      return browser;
    },
    api: (method, path, body, headers) => callApi({ url, token: token ?? '', method, path, body, headers }),
    async user(name, { password = goodPassword, role } = {}) {
      const { id } = (await must(world.api('POST', '/v1/principals', { name }))).body;
      if (role !== undefined) await must(world.api('POST', '/v1/bindings', { principal: id, role }));
      const link = await must(
        world.api<{ url: string }>('POST', `/v1/principals/${id}/sign-in-links`, { purpose: 'invite' }),
      );
      await setPassword(world.browser(), link.body.url, password);
      return id;
    },
    async events() {
      const rows = await store.read(
        store.db.selectFrom('audit_events').selectAll().orderBy('id', 'desc').compile(),
      );
      return rows.map(({ operation, result, details }) => ({
        operation,
        result,
        details: parseJson(details) as Record<string, unknown>,
      }));
    },
    async [Symbol.asyncDispose]() {
      for (const browser of browsers) await browser[Symbol.asyncDispose]();
      await app.close();
      authority.close();
      await installation[Symbol.asyncDispose]();
    },
  };
  return world;
}

/** By the one-time link, and signs out again. */
export async function setPassword(browser: Browser, link: string, password: string): Promise<void> {
  const code = new URL(link, browser.url).searchParams.get('code') ?? '';
  const seen = await browser.submit('/sign-in/setup', { code, password, again: password });
  if (seen.status !== 200) throw new Error(`${seen.status}: ${seen.text}`);
  await browser.submit('/account/sign-out', {});
}

/** The session's cookie, whatever its name is here. */
export function sessionCookie(browser: Browser): string | undefined {
  return browser.cookies.get('wayside-loopback');
}

export async function signIn(browser: Browser, name: string, password = goodPassword) {
  return browser.submit('/sign-in', { name, password, return_to: '/account' });
}
