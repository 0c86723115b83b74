// The authority behind real HTTP, with what it decides about: principals, folders, projects, groups and actions. People
// sign in by saying who they are, at the seam where every way to sign in is added.
import { randomUUIDv7 } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { actionRoutes } from '../../../control-plane/actions/routes.ts';
import { insertAction } from '../../../control-plane/actions/store.ts';
import { openAudit } from '../../../control-plane/audit/audit.ts';
import { openAuthority } from '../../../control-plane/authority/authority.ts';
import type { Authority, AuthorityOptions } from '../../../control-plane/authority/authority.ts';
import type { Authenticator } from '../../../control-plane/authority/caller.ts';
import { recordDenied } from '../../../control-plane/authority/deny.ts';
import type { ResourcePath } from '../../../control-plane/authority/level.ts';
import { authorityRoutes } from '../../../control-plane/authority/routes.ts';
import { folderRoutes } from '../../../control-plane/folders/routes.ts';
import { insertGroup } from '../../../control-plane/groups/store.ts';
import { openApp } from '../../../control-plane/http/app.ts';
import { knownThings } from '../../../control-plane/known-things.ts';
import { initialize } from '../../../control-plane/organizations/initialize.ts';
import { principalRoutes } from '../../../control-plane/principals/routes.ts';
import { projectRoutes } from '../../../control-plane/projects/routes.ts';
import { openKeyring } from '../../../control-plane/secrets/keyring.ts';
import { openSecrets } from '../../../control-plane/secrets/secrets.ts';
import type { Store } from '../../../control-plane/store/store.ts';
import type { Permission } from '../../../protocol/permissions.ts';
import { openTestStore } from '../../support/engine.ts';
import { callApi } from '../../support/server.ts';
import type { ApiAnswer, Seen } from '../../support/server.ts';

/** How somebody has signed in; left out, nothing is taken from what they may do. */
export interface SignedInAs {
  readonly elevated?: boolean;
  readonly permissions?: readonly Permission[];
  readonly within?: ResourcePath;
  /** Names of those who act for them, the nearest first. */
  readonly actors?: readonly string[];
}

export type Api = <Body = Seen>(
  method: string,
  path: string,
  body?: unknown,
  headers?: Readonly<Record<string, string | undefined>>,
) => Promise<ApiAnswer<Body>>;

export interface World {
  readonly url: string;
  readonly store: Store;
  readonly authority: Authority;
  /** As the first owner. */
  readonly api: Api;
  /** As somebody else, who has to be there by then. */
  as(name: string, how?: SignedInAs): Api;
  /** Makes a user, bound as asked; answers the id. */
  person(
    name: string,
    roles?: readonly { readonly role: string; readonly level?: string; readonly [more: string]: unknown }[],
  ): Promise<string>;
  /** Makes a group with one action for each name in a project; answers ids by name. */
  actions(project: string, group: string, names: readonly string[]): Promise<ReadonlyMap<string, string>>;
  /** Moves the clock of the control plane. */
  advance(ms: number): void;
  now(): number;
  close(): Promise<void>;
}

/** One control plane. With `beside`, a second one over the store of the first, through `wrap`. */
export async function openWorld(
  options: {
    readonly beside?: World;
    readonly wrap?: (store: Store) => Store;
    readonly authority?: AuthorityOptions;
  } = {},
): Promise<World> {
  const dataFolder = mkdtempSync(join(tmpdir(), 'wayside-authority-'));
  const closing: (() => unknown)[] = [() => rmSync(dataFolder, { recursive: true, force: true })];
  let ahead = 0;
  const clock = {
    now: () => Date.now() + ahead,
    after: (ms: number, wake: () => void) => {
      const timer = setTimeout(wake, ms);
      return () => clearTimeout(timer);
    },
  };
  const own = await openTestStore({ dataFolder });
  closing.push(() => own.close());
  const shared = options.beside?.store ?? own;
  const store = options.wrap?.(shared) ?? shared;
  const provider = await openKeyring({ path: join(dataFolder, 'keyring.json'), clock });
  // Keys of a second control plane are its own: what it signs is not looked at.
  const secrets = await openSecrets(own, provider);
  const audit = openAudit({ store, secrets, clock, report: () => undefined });
  if (options.beside === undefined) await initialize({ store, audit });
  const authority = await openAuthority(store, clock, options.authority);
  authority.know(knownThings(store));
  authority.accept(byName(() => authority));
  if (options.authority !== undefined) authority.watch();
  const deps = {
    store,
    audit,
    authority,
    clock,
    denied: (decision, caller, request) => recordDenied({ store, audit }, { decision, caller, request }),
  } satisfies Parameters<typeof authorityRoutes>[1];
  const app = await openApp({
    authority,
    log: pino({ level: 'silent' }),
    requestsPerMinute: 100_000,
    version: '0',
    tls: null,
    unauthenticated: audit.countDenial,
  });
  authorityRoutes(app, deps);
  principalRoutes(app, deps);
  folderRoutes(app, deps);
  projectRoutes(app, deps);
  actionRoutes(app, deps);
  const url = await app.listen({ host: '127.0.0.1', port: 0 });
  closing.push(() => audit.close().catch(() => undefined));
  closing.push(() => app.close());
  closing.push(() => authority.close());
  const as = (name: string, how: SignedInAs = {}): Api => {
    const authorization = `Test ${Buffer.from(JSON.stringify({ name, ...how })).toString('base64url')}`;
    return (method, path, body, headers) =>
      callApi({ url, token: '', method, path, body, headers: { authorization, ...headers } });
  };
  const api = as('owner');
  return {
    url,
    store,
    authority,
    api,
    as,
    async person(name, roles = []) {
      const { body } = await good(api('POST', '/v1/principals', { name }));
      for (const role of roles) await good(api('POST', '/v1/bindings', { principal: name, ...role }));
      return body.id;
    },
    actions: (project, group, names) => makeActions(store, { project, group, names }),
    advance: (ms) => void (ahead += ms),
    now: clock.now,
    async close() {
      for (const step of closing.splice(0).reverse()) await step();
    },
  };
}

/** `Authorization: Test <base64url of {name, …}>`. */
function byName(authority: () => Authority): Authenticator {
  return ({ authorization = '' }) => {
    const text = /^Test (.+)$/.exec(authorization)?.[1];
    if (text === undefined) return null;
    const {
      name,
      elevated = true,
      permissions,
      within,
      actors = [],
    } = JSON.parse(Buffer.from(text, 'base64url').toString()) as SignedInAs & { readonly name: string };
    const record = (each: string) => {
      const found = authority().policy().principalsByName.get(each);
      if (found === undefined) throw new Error(`nobody is called ${each}`);
      return found;
    };
    return {
      principal: record(name),
      credential: {
        kind: 'session',
        id: record(name).id,
        name,
        permissions: permissions === undefined ? null : new Set(permissions),
        within: within ?? null,
        elevated,
        authenticatedAt: null,
        expiresAt: null,
      },
      actors: actors.map(record),
    };
  };
}

async function makeActions(
  store: Store,
  asked: { readonly project: string; readonly group: string; readonly names: readonly string[] },
): Promise<ReadonlyMap<string, string>> {
  const { project, group, names } = asked;
  const [row] = await store.read(
    store.db.selectFrom('projects').select('id').where('name', '=', project).compile(),
  );
  if (row === undefined) throw new Error(`there is no project ${project}`);
  const ids = new Map([group, ...names].map((name) => [name, randomUUIDv7()]));
  const groupId = ids.get(group) ?? '';
  await store.write([
    insertGroup(store, {
      id: groupId,
      project: row.id,
      name: group,
      description: '',
      production: 0,
      pinned: 0,
    }),
    ...names.map((name) =>
      insertAction(store, {
        id: ids.get(name) ?? '',
        project: row.id,
        name,
        description: '',
        group_id: groupId,
        operation: name,
        expires_in_ms: 60_000,
        priority: 0,
      }),
    ),
  ]);
  return ids;
}

/** The answer, where it is a good one. */
export async function good<Answer extends ApiAnswer<unknown>>(answering: Promise<Answer>): Promise<Answer> {
  const answer = await answering;
  if (answer.status >= 400) throw new Error(`${answer.status}: ${answer.text}`);
  return answer;
}
