// A control plane of the parts that this folder's tests need: store, secrets, audit and HTTP, on a free port.
import { join } from 'node:path';
import { pino } from 'pino';
import { onTestFinished } from 'vitest';
import { openAudit } from '../../../control-plane/audit/audit.ts';
import type { Audit } from '../../../control-plane/audit/audit.ts';
import { auditRoutes } from '../../../control-plane/audit/routes.ts';
import { openAuthority } from '../../../control-plane/authority/authority.ts';
import { recordDenied } from '../../../control-plane/authority/deny.ts';
import { openApp } from '../../../control-plane/http/app.ts';
import { initialize } from '../../../control-plane/organizations/initialize.ts';
import { openKeyring } from '../../../control-plane/secrets/keyring.ts';
import { keyringRoutes } from '../../../control-plane/secrets/routes.ts';
import { openSecrets } from '../../../control-plane/secrets/secrets.ts';
import { storeRoutes } from '../../../control-plane/store/routes.ts';
import type { Store } from '../../../control-plane/store/store.ts';
import { openTestStore } from '../../support/engine.ts';
import { temporaryFolder } from './temporary.ts';

export interface Served {
  readonly url: string;
  readonly token: string;
  readonly store: Store;
  readonly audit: Audit;
  readonly dataFolder: string;
  /** Moves the clock of the control plane, not of the machine. */
  advance(ms: number): void;
  request(method: string, path: string, body?: unknown, token?: string): Promise<Response>;
  close(): Promise<void>;
}

export async function serve(): Promise<Served> {
  const dataFolder = temporaryFolder();
  let ahead = 0;
  const clock = {
    now: () => Date.now() + ahead,
    after: (ms: number, wake: () => void) => {
      const timer = setTimeout(wake, ms);
      return () => clearTimeout(timer);
    },
  };
  const store = await openTestStore({ dataFolder });
  const provider = await openKeyring({ path: join(dataFolder, 'keyring.json'), clock });
  const secrets = await openSecrets(store, provider);
  const audit = openAudit({ store, secrets, clock, report: () => undefined });
  const token = await initialize({ store, audit });
  // The first head is signed now, so that a test does not meet the making of its key in the middle.
  await audit.settle();
  const authority = await openAuthority(store, clock);
  const deps = {
    store,
    audit,
    authority,
    clock,
    provider,
    dataFolder,
    denied: (
      decision: Parameters<typeof recordDenied>[1]['decision'],
      caller: Parameters<typeof recordDenied>[1]['caller'],
      request: Parameters<typeof recordDenied>[1]['request'],
    ) => recordDenied({ store, audit }, { decision, caller, request }),
  };
  const app = await openApp({
    authority,
    log: pino({ level: 'silent' }),
    requestsPerMinute: 1_000,
    version: '0',
    tls: null,
    unauthenticated: audit.countDenial,
  });
  auditRoutes(app, deps);
  keyringRoutes(app, deps);
  storeRoutes(app, deps);
  const url = await app.listen({ host: '127.0.0.1', port: 0 });
  let closed: Promise<void> | null = null;
  const close = async () => {
    await app.close();
    await audit.close();
    await store.close();
  };
  const closeOnce = () => (closed ??= close());
  onTestFinished(closeOnce);
  return {
    url,
    token,
    store,
    audit,
    dataFolder,
    advance: (ms) => (ahead += ms),
    request: (method, path, body, bearer = token) =>
      fetch(url + path, {
        method,
        headers: {
          authorization: `Bearer ${bearer}`,
          ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      }),
    close: closeOnce,
  };
}
