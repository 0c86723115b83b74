// An API with the authorization server over a real store and a real listener. Who is signed in in a browser is said by
// a cookie of the test, on the other side of the sign-in contract; its clock can be moved.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { importPKCS8, SignJWT } from 'jose';
import type { JWTPayload } from 'jose';
import { pino } from 'pino';
import { openAudit } from '../../../control-plane/audit/audit.ts';
import { auditRoutes } from '../../../control-plane/audit/routes.ts';
import { openAuthority } from '../../../control-plane/authority/authority.ts';
import { recordDenied } from '../../../control-plane/authority/deny.ts';
import { authorityRoutes } from '../../../control-plane/authority/routes.ts';
import { systemClock } from '../../../control-plane/channel/clock.ts';
import { openApp } from '../../../control-plane/http/app.ts';
import { openOauth } from '../../../control-plane/oauth/open.ts';
import type { Oauth } from '../../../control-plane/oauth/open.ts';
import {
  createOrganization,
  isEmpty,
  issueFirstToken,
} from '../../../control-plane/organizations/initialize.ts';
import { principalRoutes } from '../../../control-plane/principals/routes.ts';
import { projectRoutes } from '../../../control-plane/projects/routes.ts';
import { openKeyring } from '../../../control-plane/secrets/keyring.ts';
import { openSecrets } from '../../../control-plane/secrets/secrets.ts';
import type { Secrets } from '../../../control-plane/secrets/secrets.ts';
import type { Acr, SignInContract } from '../../../control-plane/sign-in/contract.ts';
import type { Store } from '../../../control-plane/store/store.ts';
import { openTestStore } from '../../support/engine.ts';

/** Members that tests look at often. */
export interface Seen {
  readonly id: string;
  readonly token: string;
  readonly code: string;
  readonly detail: string;
  readonly items: readonly Seen[];
  readonly [member: string]: unknown;
}

export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly body: Seen;
}

export interface World {
  readonly url: string;
  /** The first owner's. */
  readonly token: string;
  /** One request as the first owner, or as whoever a bearer belongs to. */
  api(method: string, path: string, body?: unknown, bearer?: string): Promise<Answer>;
  readonly store: Store;
  readonly folder: string;
  readonly secrets: Secrets;
  readonly oauth: Oauth;
  readonly organization: string;
  /** Moves the clock of the server. */
  advance(ms: number): void;
  now(): number;
  close(): Promise<void>;
}

export interface WorldOptions {
  /** Runs over the store of another one, as a second replica does. */
  readonly beside?: World;
  readonly signIn?: boolean;
  readonly issuerAddresses?: readonly string[];
  readonly publicUrl?: string;
}

export async function openWorld(options: WorldOptions = {}): Promise<World> {
  const folder = options.beside?.folder ?? mkdtempSync(join(tmpdir(), 'wayside-oauth-'));
  const store = options.beside?.store ?? (await openTestStore({ dataFolder: folder }));
  const time = { offset: 0 };
  const now = () => Date.now() + time.offset;
  const clock = { ...systemClock(), now };
  const provider = await openKeyring({ path: join(folder, 'keyring.json'), clock });
  const secrets = await openSecrets(store, provider);
  const audit = openAudit({ store, secrets, clock, report: () => undefined });
  if (await isEmpty(store)) await createOrganization({ store, audit });
  const authority = await openAuthority(store, clock);
  authority.watch();
  const log = pino({ level: 'silent' });
  const app = await openApp({
    authority,
    log,
    requestsPerMinute: 1_000_000,
    version: 'test',
    tls: null,
    unauthenticated: (code) => audit.countDenial(code),
  });
  let url = '';
  const issuer = () => options.publicUrl ?? url;
  const oauth = openOauth({
    store,
    secrets,
    audit,
    authority,
    clock,
    issuer,
    origins: () => ({ canonical: issuer(), all: [issuer()] }),
    signIn: options.signIn === false ? null : cookieSignIn,
    issuerAddresses: options.issuerAddresses ?? [],
    countDenial: (reason) => audit.countDenial(reason),
  });
  const deps = {
    authority,
    store,
    audit,
    secrets,
    clock,
    mac: secrets.bodyMac,
    denied: ((decision, caller, request) =>
      recordDenied({ store, audit }, { decision, caller, request })) as Parameters<
      typeof authorityRoutes
    >[1]['denied'],
  };
  authorityRoutes(app, deps);
  principalRoutes(app, deps);
  projectRoutes(app, deps);
  auditRoutes(app, deps as never);
  await oauth.register(app, deps);
  url = await app.listen({ host: '127.0.0.1', port: 0 });
  const token = options.beside?.token ?? (await issueFirstToken({ store, audit })) ?? '';
  await authority.reload();
  return {
    url,
    token,
    store,
    folder,
    secrets,
    oauth,
    organization: authority.policy().organization.id,
    api: (method, path, body, bearer = token) => callApi(`${url}${path}`, { method, body, bearer }),
    advance: (ms) => void (time.offset += ms),
    now,
    async close() {
      await app.close();
      await oauth.close();
      authority.close();
      await audit.close();
      if (options.beside !== undefined) return;
      await store.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** What the cookie says is what is so: `who=<principal>.<acr>.<authenticated at>`. */
const cookieSignIn: SignInContract = {
  signedInOf: (request) => {
    const said = /(?:^|; )who=([^.;]+)\.([^.;]+)\.(\d+)/.exec(request.headers.cookie ?? '');
    if (said === null) return Promise.resolve(null);
    const [, principalId = '', acr = '', at = '0'] = said;
    return Promise.resolve({
      principalId,
      authenticatedAt: Number(at),
      acr: `urn:wayside:acr:${acr}` as Acr,
      amr: ['pwd'],
      sessionId: 'session',
      elevatedUntil: null,
    });
  },
};

/** A browser with its cookies, which follows redirects on our origin and stops at others. */
export class Browser {
  readonly #cookies = new Map<string, string>();
  readonly #world: Pick<World, 'url' | 'now'>;

  constructor(world: Pick<World, 'url' | 'now'>) {
    this.#world = world;
  }

  signIn(principal: string, acr = 'single-factor', at = this.#world.now()): void {
    this.#cookies.set('who', `${principal}.${acr}.${at}`);
  }

  signOut(): void {
    this.#cookies.delete('who');
  }

  /** The last answer, and where it wanted to go if that is not ours or not there. */
  async open(
    url: string,
    form?: Readonly<Record<string, string>>,
  ): Promise<{
    readonly status: number;
    readonly url: string;
    readonly text: string;
    readonly headers: Headers;
  }> {
    let at = new URL(url, this.#world.url);
    let body: URLSearchParams | null = form === undefined ? null : new URLSearchParams(form);
    for (let hops = 0; hops < 20; hops += 1) {
      const answer = await fetch(at, {
        method: body === null ? 'GET' : 'POST',
        redirect: 'manual',
        headers: { cookie: this.#cookieHeader(), accept: 'text/html' },
        ...(body === null ? {} : { body }),
      });
      for (const cookie of answer.headers.getSetCookie()) this.#keep(cookie);
      const location = answer.headers.get('location');
      if (answer.status < 300 || answer.status >= 400 || location === null) {
        return { status: answer.status, url: at.href, text: await answer.text(), headers: answer.headers };
      }
      at = new URL(location, at);
      body = null;
      if (at.origin !== new URL(this.#world.url).origin || at.pathname === '/sign-in') {
        return { status: answer.status, url: at.href, text: '', headers: answer.headers };
      }
    }
    throw new Error('it goes round in circles');
  }

  #cookieHeader(): string {
    return [...this.#cookies].map(([name, value]) => `${name}=${value}`).join('; ');
  }

  #keep(cookie: string): void {
    const [pair = ''] = cookie.split(';');
    const [name = '', value = ''] = pair.split(/=(.*)/s);
    if (value === '' || /expires=Thu, 01 Jan 1970/i.test(cookie)) this.#cookies.delete(name);
    else this.#cookies.set(name, value);
  }
}

async function callApi(
  url: string,
  { method, body, bearer }: { readonly method: string; readonly body: unknown; readonly bearer: string },
): Promise<Answer> {
  const answer = await fetch(url, {
    method,
    headers: {
      authorization: `Bearer ${bearer}`,
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const text = await answer.text();
  return {
    status: answer.status,
    headers: answer.headers,
    body: (text === '' ? {} : JSON.parse(text)) as Seen,
  };
}

/** The body of an answer that must be a good one. */
export async function must(answering: Promise<Answer>): Promise<Seen> {
  const { status, body } = await answering;
  if (status >= 400) throw new Error(`${status}: ${JSON.stringify(body)}`);
  return body;
}

export interface Person {
  readonly id: string;
  readonly name: string;
  /** A personal token. */
  readonly token: string;
  readonly tokenId: string;
}

interface Made {
  readonly name?: string;
  readonly kind?: 'user' | 'service';
  readonly roles?: readonly { readonly role: string; readonly level?: string }[];
}

let made = 0;

export async function makePerson(world: World, options: Made = {}): Promise<Person> {
  const name = options.name ?? `person-${(made += 1)}`;
  const { id } = await must(world.api('POST', '/v1/principals', { name, kind: options.kind ?? 'user' }));
  for (const { role, level = 'organization' } of options.roles ?? [{ role: 'admin' }]) {
    await must(world.api('POST', '/v1/bindings', { principal: id, role, level }));
  }
  const issued = await must(world.api('POST', `/v1/principals/${id}/tokens`, { name: 'test' }));
  return { id, name, token: issued.token, tokenId: issued.id };
}

export interface Service extends Person {
  readonly clientId: string;
  readonly clientSecret: string;
}

/** A service with a role and a credential. */
export async function makeService(
  world: World,
  options: Omit<Made, 'kind'> & { readonly credential?: Readonly<Record<string, unknown>> } = {},
): Promise<Service> {
  const { credential, ...person } = options;
  const service = await makePerson(world, { ...person, kind: 'service' });
  const path = `/v1/principals/${service.id}/credentials`;
  const { id, client_secret } = await must(world.api('POST', path, { name: 'first', ...credential }));
  return { ...service, clientId: id, clientSecret: String(client_secret ?? '') };
}

export interface TokenReply {
  readonly status: number;
  readonly headers: Headers;
  readonly body: Readonly<Record<string, unknown>> & {
    readonly access_token: string;
    readonly refresh_token?: string;
    readonly expires_in: number;
    readonly error?: string;
    readonly active?: boolean;
  };
}

/** A request to an endpoint of the protocol, as a client with a secret or as none. */
export async function post(
  world: Pick<World, 'url'>,
  path: string,
  form: Readonly<Record<string, string>>,
  more: {
    readonly as?: Pick<Service, 'clientId' | 'clientSecret'>;
    readonly headers?: Record<string, string>;
  } = {},
): Promise<TokenReply> {
  const { as } = more;
  const basic =
    as === undefined
      ? {}
      : {
          authorization: `Basic ${Buffer.from(`${as.clientId}:${as.clientSecret}`).toString('base64')}`,
        };
  const answer = await fetch(world.url + path, {
    method: 'POST',
    headers: { ...basic, ...more.headers },
    body: new URLSearchParams(form),
  });
  const text = await answer.text();
  const isJson = (answer.headers.get('content-type') ?? '').includes('json');
  return {
    status: answer.status,
    headers: answer.headers,
    body: (isJson ? JSON.parse(text) : { text }) as never,
  };
}

/** A token of a service for itself. */
export async function serviceToken(
  world: World,
  service: Pick<Service, 'clientId' | 'clientSecret'>,
  form: Readonly<Record<string, string>> = {},
): Promise<string> {
  const reply = await post(
    world,
    '/oauth2/token',
    { grant_type: 'client_credentials', ...form },
    { as: service },
  );
  if (reply.status !== 200) throw new Error(JSON.stringify(reply.body));
  return reply.body.access_token;
}

/** A JWT that the server's own key signs, with whatever claims and header a test wants. */
export async function forge(
  world: World,
  claims: JWTPayload,
  header: Readonly<Record<string, unknown>> = {},
) {
  const key = await world.oauth.parts.signer.active();
  const privateKey = await importPKCS8(key.privatePem(), 'ES256');
  return new SignJWT(claims)
    .setProtectedHeader({ alg: 'ES256', typ: 'at+jwt', kid: key.kid, ...header })
    .sign(privateKey);
}

/** Who the API takes the bearer of a token for, with the status. */
export async function whoami(world: Pick<World, 'url'>, token: string, headers: Record<string, string> = {}) {
  const answer = await fetch(`${world.url}/v1/whoami`, {
    headers: { authorization: `Bearer ${token}`, ...headers },
  });
  return {
    status: answer.status,
    challenge: answer.headers.get('www-authenticate'),
    body: (await answer.json()) as {
      readonly principal?: { readonly id: string };
      readonly code?: string;
      readonly token?: { readonly id: string };
    },
  };
}
