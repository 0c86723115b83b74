// Everybody who tries every route in the matrix, over two whole control planes whose clocks can be moved: who has which
// role where, and every kind of credential, good and bad, as it is really given out.
import { generateKeyPair, SignJWT } from 'jose';
import type { Permission } from '../../../protocol/permissions.ts';
import { advertise } from '../../support/advertise.ts';
import { Browser } from '../../support/browser.ts';
import { callApi, startTestServer } from '../../support/server.ts';
import type { TestServer } from '../../support/server.ts';
import { must } from '../../support/people.ts';
import { ownRoles } from './matrix-oracle.ts';
import type { Right, Somebody } from './matrix-oracle.ts';

const minutes = 60_000;
const password = 'a horse in the staircase';
const few: readonly Permission[] = [
  'wayside.run.read',
  'wayside.group.enroll',
  'iam.self.read',
  'iam.token.read',
];

export interface Matrix {
  readonly server: TestServer;
  readonly everybody: readonly Somebody[];
  /** Values of parameters of paths that lead to what is really there. */
  readonly ids: ReadonlyMap<string, string>;
  close(): Promise<void>;
}

/** Time as it is for the control planes of this process. */
function movableTime() {
  const { now } = Date;
  let offset = 0;
  Date.now = () => now() + offset;
  return { goTo: (ms: number) => void (offset = ms), restore: () => void (Date.now = now) };
}

export async function openMatrix(): Promise<Matrix> {
  const time = movableTime();
  // What has to be over by the time that everybody tries is made three hours before, or twenty minutes.
  time.goTo(-180 * minutes);
  const options = { 'requests-per-minute': '100000000' };
  const server = await startTestServer({ options });
  const foreign = await startTestServer({ options });
  const close = async (): Promise<void> => {
    time.restore();
    await Promise.all([server.close(), foreign.close()]);
  };
  try {
    const ids = await furnish(server);
    await furnish(foreign);
    const makers = peopleOf(server);
    const lapsed = await lapsedOnes(makers);
    time.goTo(-20 * minutes);
    const session = await lapsedSession(makers);
    time.goTo(0);
    const everybody = [
      ...(await holders(makers)),
      ...(await boundOtherwise(makers)),
      ...(await narrowed(makers)),
      ...(await actingForOthers(makers)),
      ...(await sessions(makers)),
      ...lapsed,
      session,
      ...(await strangers(makers, foreign)),
    ];
    return { server, everybody, ids, close };
  } catch (cause) {
    await close();
    throw cause;
  }
}

/** The same in each organization: a project in a folder, with one thing of each kind, and another beside it. */
async function furnish(server: TestServer): Promise<ReadonlyMap<string, string>> {
  const p = '/v1/projects/shop';
  for (const name of ['dept', 'elsewhere']) await must(server.api('POST', '/v1/folders', { name }));
  await must(server.api('POST', '/v1/projects', { name: 'shop', folder: 'dept' }));
  await must(server.api('POST', '/v1/projects', { name: 'barn', folder: 'elsewhere' }));
  for (const [name, permissions] of Object.entries(ownRoles)) {
    await must(server.api('POST', '/v1/roles', { name, permissions }));
  }
  const group = await must(server.api('POST', `${p}/groups`, { name: 'prod' }));
  const agent = advertise(server.dataFolder, {
    group: group.body.id,
    operations: [{ operation: 'promote' }],
  });
  await must(server.api('POST', `${p}/actions`, { name: 'promote', group: 'prod', operation: 'promote' }));
  const run = await must(server.api('POST', `${p}/actions/promote/runs`, {}));
  await must(server.api('POST', `/v1/runs/${run.body.id}/cancel`, {}));
  const other = await must(server.api('POST', '/v1/principals', { name: 'other' }));
  await must(server.api('POST', '/v1/bindings', { principal: 'other', role: 'viewer' }));
  const token = await must(server.api('POST', '/v1/principals/other/tokens', { name: 'first' }));
  const asked = await callApi({
    ...{ url: server.url, token: token.body.token, method: 'POST', path: '/v1/support' },
    body: { reason: 'a run hangs', level: 'projects/shop' },
  });
  const denied = await callApi({
    url: server.url,
    token: token.body.token,
    method: 'POST',
    path: `${p}/groups`,
  });
  const bindings = (await must(server.api('GET', '/v1/bindings?on=organization'))).body.items;
  return new Map([
    ['project', 'shop'],
    ['folder', 'dept'],
    ['group', 'prod'],
    ['action', 'promote'],
    ['agent', agent],
    ['run', run.body.id],
    ['principal', other.body.id],
    ['tokens', token.body.id],
    ['bindings', bindings[0]?.id ?? ''],
    ['support', asked.body.id],
    ['decisions', String(denied.body['decision'])],
  ]);
}

interface Person {
  readonly id: string;
  readonly name: string;
  readonly token: string;
  readonly tokenId: string;
  /** Ids of bindings in the order of `holds`. */
  readonly bindings: readonly string[];
}

type Described = Partial<Pick<Somebody, 'ceiling' | 'within' | 'elevated' | 'actor'>>;

type People = ReturnType<typeof peopleOf>;

function peopleOf(server: TestServer) {
  let made = 0;
  const bind = async (principal: string, holds: readonly Right[]): Promise<string[]> => {
    const bindings: string[] = [];
    for (const right of holds) {
      bindings.push(
        (await must(server.api('POST', '/v1/bindings', { principal, ...bodyOf(right) }))).body.id,
      );
    }
    return bindings;
  };
  const person = async (
    holds: readonly Right[],
    token: { readonly permissions?: readonly Permission[]; readonly expires_in_ms?: number } = {},
    kind: 'user' | 'service' = 'user',
  ): Promise<Person> => {
    const name = `${kind}-${(made += 1)}`;
    const { id } = (await must(server.api('POST', '/v1/principals', { name, kind }))).body;
    const bindings = await bind(id, holds);
    const issued = await must(server.api('POST', `/v1/principals/${id}/tokens`, { name: 'one', ...token }));
    return { id, name, token: issued.body.token, tokenId: issued.body.id, bindings };
  };
  return {
    server,
    bind,
    person,
    /** A JWT of a service, by its own credential. */
    async serviceToken(holds: readonly Right[], form: Readonly<Record<string, string>> = {}) {
      const service = await person(holds, {}, 'service');
      const credential = await must(
        server.api('POST', `/v1/principals/${service.id}/credentials`, { name: 'one' }),
      );
      const secret = `${credential.body.id}:${String(credential.body['client_secret'])}`;
      const basic = { authorization: `Basic ${Buffer.from(secret).toString('base64')}` };
      const grant = { grant_type: 'client_credentials', ...form };
      return { service, basic, token: await askForToken(server, grant, basic) };
    },
    /** Signed in by a password, as a browser is. */
    async browser(holds: readonly Right[]): Promise<{ readonly id: string; readonly browser: Browser }> {
      const { id } = await person(holds);
      const link = await must(
        server.api('POST', `/v1/principals/${id}/sign-in-links`, { purpose: 'invite' }),
      );
      const code = new URL(String(link.body['url'])).searchParams.get('code') ?? '';
      const browser = new Browser(server.url);
      const seen = await browser.send('POST', '/sign-in/setup', {
        form: { code, password, again: password },
      });
      if (seen.status !== 303) throw new Error(seen.text);
      return { id, browser };
    },
  };
}

function bodyOf({ role, level, effect = 'allow', time, conditional }: Right) {
  const now = Date.now();
  return {
    role,
    effect,
    level: /^(groups|actions)\//.test(level) ? `projects/shop/${level}` : level,
    ...(time === 'lapsed' ? { not_after: now + minutes } : {}),
    ...(time === 'not yet' ? { not_before: now + 600 * minutes } : {}),
    ...(conditional === true
      ? { conditions: [{ input: 'environment', operator: 'equals', values: ['staging'] }] }
      : {}),
  };
}

async function askForToken(
  server: TestServer,
  form: Readonly<Record<string, string>>,
  headers: Readonly<Record<string, string>> = {},
): Promise<string> {
  const answer = await fetch(`${server.url}/oauth2/token`, {
    method: 'POST',
    headers,
    body: new URLSearchParams(form),
  });
  const body = (await answer.json()) as { readonly access_token?: string };
  if (body.access_token === undefined) throw new Error(JSON.stringify(body));
  return body.access_token;
}

function exchange(server: TestServer, form: Readonly<Record<string, string>>): Promise<string> {
  return askForToken(server, {
    grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange',
    subject_token_type: 'urn:ietf:params:oauth:token-type:access_token',
    ...form,
  });
}

function detail(resource: string, permissions?: readonly Permission[]): { authorization_details: string } {
  const one = { type: 'wayside', resource, ...(permissions === undefined ? {} : { permissions }) };
  return { authorization_details: JSON.stringify([one]) };
}

function bearer(token: string): { readonly authorization: string } {
  return { authorization: `Bearer ${token}` };
}

function good(
  who: string,
  headers: Readonly<Record<string, string>>,
  holds: readonly Right[],
  more: Described = {},
): Somebody {
  return {
    who,
    headers,
    holds,
    presents: 'good',
    ceiling: null,
    within: null,
    elevated: true,
    actor: null,
    ...more,
  };
}

function bad(who: string, headers: Readonly<Record<string, string>>): Somebody {
  return { ...good(who, headers, []), presents: 'bad' };
}

/** Every role, at every level that matters to what is tried. */
async function holders({ person }: People): Promise<Somebody[]> {
  const found: Somebody[] = [good('somebody without a role', bearer((await person([])).token), [])];
  for (const role of ['owner', 'admin', 'contributor', 'viewer', 'agent', 'auditor', 'keeper']) {
    const elsewhere = ['owner', 'viewer', 'keeper'].includes(role) ? ['projects/barn'] : [];
    for (const level of ['organization', 'projects/shop', ...elsewhere]) {
      const holds = [{ role, level }];
      found.push(good(`${role} of ${level}`, bearer((await person(holds)).token), holds));
    }
  }
  for (const [role, level] of [
    ['admin', 'folders/dept'],
    ['viewer', 'folders/elsewhere'],
    ['viewer', 'groups/prod'],
    ['viewer', 'actions/promote'],
  ] as const) {
    const holds = [{ role, level }];
    found.push(good(`${role} of ${level}`, bearer((await person(holds)).token), holds));
  }
  return found;
}

/** By a team, for a time, under a condition, or with something denied. */
async function boundOtherwise({ server, person, bind }: People): Promise<Somebody[]> {
  const found: Somebody[] = [];
  const sets: readonly (readonly [string, readonly Right[]])[] = [
    [
      'admin of the project under a condition',
      [{ role: 'admin', level: 'projects/shop', conditional: true }],
    ],
    [
      'owner, who is denied reading',
      [organizationOwner, { role: 'viewer', level: 'organization', effect: 'deny' }],
    ],
    [
      'owner, who is denied the project',
      [organizationOwner, { role: 'admin', level: 'projects/shop', effect: 'deny' }],
    ],
    [
      'owner, who is denied the action',
      [organizationOwner, { role: 'contributor', level: 'actions/promote', effect: 'deny' }],
    ],
    ['somebody with a denial alone', [{ role: 'owner', level: 'projects/shop', effect: 'deny' }]],
    ['admin of the project from tomorrow on', [{ role: 'admin', level: 'projects/shop', time: 'not yet' }]],
  ];
  for (const [who, holds] of sets) found.push(good(who, bearer((await person(holds)).token), holds));
  const member = await person([]);
  for (const name of ['inner', 'outer']) await must(server.api('POST', '/v1/teams', { name }));
  await must(server.api('PUT', '/v1/teams/outer/members/inner'));
  await must(server.api('PUT', `/v1/teams/inner/members/${member.id}`));
  const holds = [{ role: 'contributor', level: 'projects/shop' }];
  await bind('outer', holds);
  found.push(good('contributor by a team of a team', bearer(member.token), holds));
  return found;
}

const organizationOwner: Right = { role: 'owner', level: 'organization' };

/** Tokens that allow less than their owner may do. */
async function narrowed(people: People): Promise<Somebody[]> {
  const { server, person } = people;
  const holds = [organizationOwner];
  const some = await person(holds, { permissions: few });
  const none = await person(holds, { permissions: [] });
  const { token: scoped } = await people.serviceToken(holds, { scope: few.join(' ') });
  const owner = await person(holds);
  const viewer = [{ role: 'viewer', level: 'organization' }];
  const looking = await person(viewer);
  const inBarn = await exchange(server, { subject_token: looking.token, ...detail('projects/barn') });
  const inScope = { subject_token: owner.token, scope: few.join(' ') };
  const confined = async (who: string, within: string, given: Record<string, string>, more: Described = {}) =>
    good(who, bearer(await exchange(server, { subject_token: owner.token, ...given })), holds, {
      within,
      ...more,
    });
  return [
    good('an owner whose token is narrowed', bearer(some.token), holds, { ceiling: few }),
    good('an owner whose token can do nothing', bearer(none.token), holds, { ceiling: [] }),
    good('a service whose scope is narrowed', bearer(scoped), holds, { ceiling: few }),
    good('an owner by a narrowed exchange', bearer(await exchange(server, inScope)), holds, { ceiling: few }),
    good('a viewer confined to another project', bearer(inBarn), viewer, { within: 'projects/barn' }),
    await confined('an owner confined to another project', 'projects/barn', detail('projects/barn')),
    await confined('an owner confined to the project', 'projects/shop', detail('projects/shop')),
    await confined('an owner confined to the folder', 'folders/dept', detail('folders/dept')),
    await confined(
      'an owner confined to an action',
      'actions/promote',
      detail('projects/shop/actions/promote'),
    ),
    await confined('an owner confined in both ways', 'projects/shop', detail('projects/shop', few), {
      ceiling: few,
    }),
  ];
}

/** Tokens with an `act`: where something changes, both have to hold the right when it is asked, not when it was given. */
async function actingForOthers(people: People): Promise<Somebody[]> {
  const { server, person, bind } = people;
  const acting = async (
    who: string,
    asked: {
      readonly subject: readonly Right[];
      readonly actor: readonly Right[];
      readonly kind: 'user' | 'service';
      readonly scope?: readonly Permission[];
    },
  ): Promise<Somebody> => {
    const actor = await person([organizationOwner]);
    const subject = await person(asked.subject, {}, asked.kind);
    const scope = asked.scope === undefined ? {} : { scope: asked.scope.join(' ') };
    const form = { subject_token: actor.token, requested_subject: subject.name, ...scope };
    const token = await exchange(server, form);
    for (const binding of actor.bindings) await must(server.api('DELETE', `/v1/bindings/${binding}`));
    await bind(actor.id, asked.actor);
    const more = { actor: asked.actor, elevated: asked.kind === 'service', ceiling: asked.scope ?? null };
    return good(who, bearer(token), asked.subject, more);
  };
  const admin = [{ role: 'admin', level: 'organization' }];
  const viewer = [{ role: 'viewer', level: 'organization' }];
  const kind = 'service';
  return [
    await acting('an actor who lacks the right', { subject: admin, actor: viewer, kind }),
    await acting('an actor whose subject lacks the right', { subject: viewer, actor: admin, kind }),
    await acting('an actor where both have the right', { subject: admin, actor: admin, kind }),
    await acting('an actor who has it in the project alone', {
      ...{ subject: admin, kind },
      actor: [{ role: 'admin', level: 'projects/shop' }],
    }),
    await acting('an actor to whom it is denied', {
      ...{ subject: admin, kind },
      actor: [organizationOwner, { role: 'contributor', level: 'projects/shop', effect: 'deny' }],
    }),
    await acting('an actor for a person', { subject: admin, actor: admin, kind: 'user' }),
    await acting('an actor by a narrowed token', { subject: admin, actor: admin, kind, scope: few }),
  ];
}

function cookieOf(people: People, browser: Browser): Readonly<Record<string, string>> {
  return { cookie: browser.cookieHeader(), origin: people.server.url };
}

/** Sessions of browsers: reduced by default, elevated when somebody has shown again who they are. */
async function sessions(people: People): Promise<Somebody[]> {
  const found: Somebody[] = [];
  for (const role of ['owner', 'viewer']) {
    const holds = [{ role, level: 'organization' }];
    const low = await people.browser(holds);
    const high = await people.browser(holds);
    await elevate(high.browser);
    found.push(
      good(`${role} by a session`, cookieOf(people, low.browser), holds, { elevated: false }),
      good(`${role} by an elevated session`, cookieOf(people, high.browser), holds),
    );
  }
  return found;
}

async function elevate(browser: Browser): Promise<void> {
  const seen = await browser.json('/v1/elevate', { reason: 'a new colleague', password });
  if (seen.status !== 200) throw new Error(seen.text);
}

async function lapsedSession(people: People): Promise<Somebody> {
  const holds = [organizationOwner];
  const { browser } = await people.browser(holds);
  await elevate(browser);
  return good('owner by a session that was elevated', cookieOf(people, browser), holds, { elevated: false });
}

/** What was good three hours ago: credentials that have expired, and rights that have. */
async function lapsedOnes(people: People): Promise<Somebody[]> {
  const { server, person, serviceToken } = people;
  const short = await person([organizationOwner], { expires_in_ms: minutes });
  const child = await exchange(server, { subject_token: (await person([organizationOwner])).token });
  const { token: jwt } = await serviceToken([organizationOwner]);
  const idle = await people.browser([organizationOwner]);
  const holds: readonly Right[] = [{ role: 'admin', level: 'projects/shop', time: 'lapsed' }];
  const helped = await person([]);
  const asked = await callApi({
    ...{ url: server.url, token: helped.token, method: 'POST', path: '/v1/support' },
    body: { role: 'viewer', level: 'projects/shop', reason: 'a run hangs', duration_ms: minutes },
  });
  await must(server.api('POST', `/v1/support/${asked.body.id}/approve`, {}));
  const seen = await callApi({
    url: server.url,
    token: helped.token,
    method: 'GET',
    path: '/v1/projects/shop',
  });
  if (seen.status !== 200) throw new Error(`support access was not in force: ${seen.text}`);
  return [
    bad('an expired personal token', bearer(short.token)),
    bad('an expired JWT of a service', bearer(jwt)),
    bad('an expired JWT of an exchange', bearer(child)),
    bad('a session that was idle for too long', cookieOf(people, idle.browser)),
    good('admin of the project, until lately', bearer((await person(holds)).token), holds),
    good('somebody whose support access is over', bearer(helped.token), [
      { role: 'viewer', level: 'projects/shop', time: 'lapsed' },
    ]),
  ];
}

/** Nobody, and all whose credentials are not good here, whatever they were worth. */
async function strangers(people: People, foreign: TestServer): Promise<Somebody[]> {
  const there = peopleOf(foreign);
  const theirs = await there.serviceToken([organizationOwner]);
  const { browser: theirBrowser } = await there.browser([organizationOwner]);
  const mine = await people.serviceToken([organizationOwner]);
  const nobody: Somebody = { ...good('nobody', {}, []), presents: 'nothing' };
  return [
    nobody,
    bad('garbage', bearer('wsp_garbage')),
    bad('a join token', bearer(`wsj_${'0'.repeat(36)}`)),
    bad('garbage in the shape of a JWT', bearer('e30.e30.e30')),
    bad('another organization, by a personal token', bearer(foreign.token)),
    bad('another organization, by a JWT', bearer(theirs.token)),
    bad('another organization, by a session', {
      ...cookieOf(there, theirBrowser),
      origin: people.server.url,
    }),
    bad('a JWT that another key has signed', bearer(await forged(mine.token))),
    bad('a JWT that nobody has signed', bearer(unsigned(mine.token))),
    ...(await revoked(people)),
  ];
}

/** The claims of a good token under a signature that is none of ours, with our key's name. */
async function forged(token: string): Promise<string> {
  const [header, payload] = token.split('.').map((part) => Buffer.from(part, 'base64url').toString());
  const { privateKey } = await generateKeyPair('ES256');
  return new SignJWT(JSON.parse(payload ?? '') as Record<string, unknown>)
    .setProtectedHeader(JSON.parse(header ?? '') as { alg: string })
    .sign(privateKey);
}

function unsigned(token: string): string {
  const header = Buffer.from(JSON.stringify({ alg: 'none', typ: 'at+jwt' })).toString('base64url');
  return `${header}.${token.split('.')[1] ?? ''}.`;
}

async function revoked(people: People): Promise<Somebody[]> {
  const { server, person, serviceToken, browser } = people;
  const holds = [organizationOwner];
  const token = await person(holds);
  const child = await exchange(server, { subject_token: token.token });
  await must(server.api('DELETE', `/v1/tokens/${token.tokenId}`));
  const ended = await serviceToken(holds);
  const gone = await fetch(`${server.url}/oauth2/revoke`, {
    method: 'POST',
    headers: ended.basic,
    body: new URLSearchParams({ token: ended.token }),
  });
  if (gone.status !== 200) throw new Error(await gone.text());
  const disabled = await serviceToken(holds);
  await must(server.api('DELETE', `/v1/principals/${disabled.service.id}`));
  const signedOut = await browser(holds);
  await must(server.api('DELETE', `/v1/principals/${signedOut.id}/sessions`));
  const actor = await person(holds);
  const subject = await person([], {}, 'service');
  const form = { subject_token: actor.token, requested_subject: subject.name };
  const delegated = await exchange(server, form);
  await must(server.api('DELETE', `/v1/principals/${actor.id}`));
  return [
    bad('a revoked personal token', bearer(token.token)),
    bad('a JWT made of a revoked token', bearer(child)),
    bad('a revoked JWT', bearer(ended.token)),
    bad('a disabled principal', bearer(disabled.service.token)),
    bad('a JWT of a disabled principal', bearer(disabled.token)),
    bad('a session that was signed out', cookieOf(people, signedOut.browser)),
    bad('a token whose actor is disabled', bearer(delegated)),
  ];
}
