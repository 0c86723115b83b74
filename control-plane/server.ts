// The only wiring of the control plane: what is opened, in which order, and how it is closed again.
import { hostname } from 'node:os';
import { join } from 'node:path';
import { upkeepMs } from '../protocol/limits.ts';
import { randomBytes, randomUUIDv7 } from 'node:crypto';
import type { FastifyBaseLogger, FastifyInstance } from 'fastify';
import { Failure } from '../protocol/failures.ts';
import { actionRoutes } from './actions/routes.ts';
import { openAgentSide } from './agent-side.ts';
import type { AgentSide } from './agent-side.ts';
import { agentRoutes } from './agents/routes.ts';
import { openServerRow } from './agents/server-row.ts';
import type { ServerRow } from './agents/server-row.ts';
import { pruneJoinTokens } from './agents/forget-join-tokens.ts';
import { openTokens } from './agents/open-tokens.ts';
import { openAudit } from './audit/audit.ts';
import { forgetDenialCounts } from './audit/denials.ts';
import { openHeadHandout } from './audit/hand-heads.ts';
import type { HeadHandout } from './audit/hand-heads.ts';
import type { Audit } from './audit/audit.ts';
import { auditRoutes } from './audit/routes.ts';
import { openAuthority } from './authority/authority.ts';
import type { Authority } from './authority/authority.ts';
import { recordDenied } from './authority/deny.ts';
import { forgetDecisions } from './authority/forget-decisions.ts';
import { authorityRoutes } from './authority/routes.ts';
import { systemClock } from './channel/clock.ts';
import type { ServerConfig } from './config.ts';
import { folderRoutes } from './folders/routes.ts';
import { groupRoutes } from './groups/routes.ts';
import { openApp } from './http/app.ts';
import { forgetIdempotencyKeys } from './http/forget-idempotency-keys.ts';
import { listenApi } from './http/listen.ts';
import type { RegisteredRoute } from './http/registered-routes.ts';
import { knownThings } from './known-things.ts';
import { ensureOrganization, issueFirstToken } from './organizations/initialize.ts';
import { openOauth } from './oauth/open.ts';
import { paths } from './oauth/paths.ts';
import type { Oauth } from './oauth/open.ts';
import { organizationRoutes } from './organizations/routes.ts';
import { openPki } from './pki/open-pki.ts';
import { openRevocations } from './pki/publish-lists.ts';
import { pkiRoutes } from './pki/routes.ts';
import type { Pki } from './pki/open-pki.ts';
import { entryOfRotation } from './pki/record-rotation.ts';
import type { RotationWitness } from './pki/record-rotation.ts';
import { principalRoutes } from './principals/routes.ts';
import { projectRoutes } from './projects/routes.ts';
import type { FaultPoint } from './runs/contract.ts';
import { intentKeyOf } from './runs/intent-key.ts';
import { openRuns } from './runs/open.ts';
import type { Runs } from './runs/open.ts';
import { runsOfAgent } from './runs/revoke.ts';
import { runRoutes } from './runs/routes.ts';
import { runAuthorityOf } from './runs/run-authority.ts';
import { runTokenAuthenticator } from './runs/run-token.ts';
import { openSchedules } from './schedules/open.ts';
import type { Schedules } from './schedules/open.ts';
import { scheduleRoutes } from './schedules/routes.ts';
import { openKeyring } from './secrets/keyring.ts';
import { keyringRoutes } from './secrets/routes.ts';
import { needsKeyring, openSecrets } from './secrets/secrets.ts';
import type { Secrets } from './secrets/secrets.ts';
import { openSignIn } from './sign-in/open.ts';
import type { SignIn } from './sign-in/open.ts';
import { storeRoutes } from './store/routes.ts';
import { databasePath } from './store/sqlite/data-folder.ts';
import { openStore } from './store/open-store.ts';
import type { Store } from './store/store.ts';
import { leave } from './leave.ts';
import { observe, openTelemetry } from './telemetry/open.ts';
import type { Telemetry } from './telemetry/open.ts';
import type { Readiness } from './telemetry/readiness.ts';
import { telemetryRoutes } from './telemetry/routes.ts';
import { startUpkeep } from './upkeep.ts';
import { variableRoutes } from './variables/routes.ts';

const version = '0.1.0';

export interface RunningServer {
  readonly url: string;
  readonly agentUrl: string;
  readonly enrollUrl: string;
  /** Only after the very first start. */
  readonly ownerToken: string | null;
  /** Where the first owner sets a password; only after the very first start. */
  readonly setupUrl: string | null;
  close(): Promise<void>;
}

export interface ServerOptions {
  readonly config: ServerConfig;
  readonly log: FastifyBaseLogger;
  /** The disk failed: nothing that was not acknowledged may be, so the process must end (rules.md 4). */
  readonly onFatal: (cause: unknown) => void;
  /** Told of each route of the API that is registered. */
  readonly onRoute?: (route: RegisteredRoute) => void;
  /** Stops the process at a named point, in fault tests only. */
  readonly faultPoint?: (point: FaultPoint) => Promise<void> | void;
}

/** Everything below the listeners. */
interface Core {
  readonly clock: ReturnType<typeof systemClock>;
  readonly store: Store;
  readonly secrets: Secrets;
  readonly audit: Audit;
  readonly authority: Authority;
  readonly pki: Pki;
  readonly runs: Runs;
  readonly heads: HeadHandout;
  readonly servers: ServerRow;
  readonly schedules: Schedules;
  readonly telemetry: Telemetry;
}

/** Opens everything and listens. Throws the failures of its parts, each with what to do about it. */
export async function startServer(options: ServerOptions): Promise<RunningServer> {
  const closing: (() => Promise<void> | void)[] = [];
  let goes = (): Promise<void> => Promise.resolve();
  const close = async (): Promise<void> => {
    // What cannot be told to a database that is away must not keep the rest open, and the process alive.
    for (const step of [goes, ...closing.splice(0).reverse()]) {
      await Promise.resolve()
        .then(step)
        .catch((cause: unknown) => options.log.warn({ err: cause }, 'a part could not be closed in order'));
    }
  };
  try {
    const core = await openCore(options, closing);
    const agents = await openAgentSide(options, core, closing);
    const { url, signIn, app, readiness } = await openApi(options, core, agents, closing);
    goes = () => leave({ app, channel: agents.channel, readiness, drainMs: options.config.drainMs });
    core.servers.start();
    core.runs.start();
    closing.push(() => core.runs.close());
    core.schedules.start();
    closing.push(() => core.schedules.close());
    const upkeep = startUpkeep({
      clock: core.clock,
      everyMs: upkeepMs,
      report: (duty, cause) => options.log.error({ err: cause, duty }, 'a duty of the upkeep failed'),
      duties: [
        { name: 'audit', perform: () => core.audit.prune() },
        { name: 'join tokens', perform: () => pruneJoinTokens(core) },
        { name: 'sign-in', perform: () => signIn.tidy() },
        { name: 'decisions', perform: () => forgetDecisions(core) },
        { name: 'idempotency keys', perform: () => forgetIdempotencyKeys(core) },
        { name: 'counts of denials', perform: () => forgetDenialCounts(core) },
      ],
    });
    closing.push(() => upkeep.close());
    const { ownerToken, setupUrl } = await firstOwner(core, signIn);
    const { urls } = agents.deps;
    return { url, agentUrl: urls.agent, enrollUrl: urls.enroll, ownerToken, setupUrl, close };
  } catch (cause) {
    await close();
    throw cause;
  }
}

/** The token of the first start, and the link to a password; both null at every later one. */
async function firstOwner(
  core: Core,
  signIn: SignIn,
): Promise<Pick<RunningServer, 'ownerToken' | 'setupUrl'>> {
  let setupUrl: string | null = null;
  const ownerToken = await issueFirstToken(core, (owner) => {
    const link = signIn.setupLink(owner);
    setupUrl = link.url;
    return link.steps;
  });
  if (ownerToken === null) return { ownerToken, setupUrl: null };
  await core.authority.reload();
  return { ownerToken, setupUrl };
}

async function openCore(options: ServerOptions, closing: (() => Promise<void> | void)[]): Promise<Core> {
  const { config, log, faultPoint } = options;
  const clock = systemClock();
  const telemetry = await openTelemetry({ clock, version, traces: config.traces, log });
  closing.push(() => telemetry.close());
  const store = await openMeasuredStore(options, telemetry);
  closing.push(() => store.close());
  const provider = await openKeyring({
    path: join(config.dataFolder, 'keyring.json'),
    clock,
    mayCreate: !(await needsKeyring(store)),
    ...(config.keyringPassphrase === null ? {} : { passphrase: config.keyringPassphrase }),
  });
  const secrets = await openSecrets(store, provider);
  let heads: HeadHandout | null = null;
  const audit = openAudit({
    store,
    secrets,
    clock,
    report: (cause) => log.error({ err: cause }, 'the audit could not be chained; it is tried again'),
    sealed: (head) => heads?.sealed(head),
    ...(store.engine === 'sqlite' ? { file: databasePath(config.dataFolder) } : {}),
  });
  closing.push(() => audit.close());
  await ensureOrganization({ store, audit });
  const authority = await openAuthority(store, clock, {
    report: (cause) => log.warn({ err: cause }, 'the policy could not be read; it is tried again'),
  });
  authority.know(knownThings(store));
  authority.watch();
  closing.push(() => authority.close());
  const pki = await openPki({
    store,
    keys: secrets.signingKeys,
    clock,
    rotations: witnessOfRotations({ audit, authority, log }),
  });
  const handout = openHeadHandout({
    store,
    audit,
    authorities: () => pki.authorities(),
    report: (conflict) => log.error(conflict, 'an agent keeps a head that this audit trail contradicts'),
  });
  heads = handout;
  const servers = await openServerRow({
    ...{ store, clock, id: randomUUIDv7(), address: hostname() },
    report: (message, cause) => log.warn({ err: cause }, message),
  });
  closing.push(() => servers.close());
  const runs = await openRuns({
    store,
    audit,
    authority: runAuthorityOf(authority),
    secrets,
    intentKey: currentIntentKey(pki),
    headFor: (connection) => handout.next(connection),
    inTouchSince: () => servers.inTouchSince(),
    intentKeys: () => intentKeysEver(secrets),
    clock,
    random: {
      id: () => randomUUIDv7(),
      salt: () => randomBytes(16).toString('base64url'),
      fraction: () => clock.random(),
    },
    report: ({ kind, message, cause, ...ids }) => log.warn({ kind, err: cause, ...ids }, message),
    witness: telemetry.witness,
    ...(faultPoint === undefined ? {} : { faultPoint }),
  });
  const schedules = openSchedules({
    store,
    audit,
    authority,
    runs,
    clock,
    report: ({ kind, message, cause, schedule }) => log.warn({ kind, err: cause, schedule }, message),
  });
  return { clock, store, secrets, audit, authority, pki, runs, heads: handout, servers, schedules, telemetry };
}

function openMeasuredStore(
  { config, log, onFatal }: ServerOptions,
  telemetry: Telemetry,
): Promise<Store> {
  return openStore({
    config,
    onFatal,
    report: (message, cause) => log.warn({ err: cause ?? undefined }, message),
    onIncarnation: () => onFatal(failedOver()),
    onCommit: (commit) => telemetry.committed(commit),
  });
}

/** What this process knows of runs and sessions is of the past that was lost: the next one reads it anew. */
function failedOver(): Failure {
  return new Failure('store_failed', 'The database was failed over or brought back while we ran.');
}

/** Rotations that happen by themselves are in the audit and in the log. */
function witnessOfRotations({
  audit,
  authority,
  log,
}: Pick<Core, 'audit' | 'authority'> & Pick<ServerOptions, 'log'>): RotationWitness {
  return {
    record: (rotation) => [audit.step(entryOfRotation(authority.policy().organization.id, rotation))],
    done: ({ activated, former }) =>
      log.info({ kind: 'authority_replaced', activated, former }, 'authorities that end were replaced'),
  };
}

/** Also of those that sign no more: agents may show intents of any of them. */
async function intentKeysEver({ signingKeys }: Secrets) {
  return (await signingKeys.list('intent', { retired: true })).map(({ publicJwk }) => publicJwk);
}

/** The active key in the form in which it signs; made again only when another one became active. */
function currentIntentKey(pki: Pki): () => ReturnType<typeof intentKeyOf> {
  let held: ReturnType<typeof intentKeyOf> | null = null;
  return () => {
    const key = pki.intentKey();
    if (held?.kid !== key.kid) held = intentKeyOf(key);
    return held;
  };
}

/** The API that listens, and what ends it in order. */
interface OpenApi {
  readonly url: string;
  readonly signIn: SignIn;
  readonly app: FastifyInstance;
  readonly readiness: Readiness;
}

async function openApi(
  { config, log, onRoute }: ServerOptions,
  core: Core,
  agents: AgentSide,
  closing: (() => Promise<void> | void)[],
): Promise<OpenApi> {
  const { clock, store, secrets, audit, authority, runs, schedules } = core;
  const app = await openApp({
    authority,
    log,
    requestsPerMinute: config.requestsPerMinute,
    version,
    tls: config.http.tls,
    unauthenticated: (code) => audit.countDenial(code),
    watch: (opened) => core.telemetry.watchRequests(opened),
    resourceMetadata: () => `${config.http.publicUrl ?? app.listeningOrigin}${paths.resourceMetadata}`,
    ...(onRoute === undefined ? {} : { onRoute }),
  });
  closing.push(() => app.close());
  const deps = {
    authority,
    store,
    audit,
    secrets,
    clock,
    mac: secrets.bodyMac,
    dataFolder: config.dataFolder,
    denied: (decision, caller, request) => recordDenied({ store, audit }, { decision, caller, request }),
  } satisfies Parameters<typeof authorityRoutes>[1] & Record<string, unknown>;
  let oauth: Oauth | null = null;
  const signIn = openSignIn({
    ...{ store, audit, authority, secrets, clock, mac: secrets.bodyMac },
    publicUrl: config.http.publicUrl,
    listening: () => app.listeningOrigin,
    endTokensOf: async (principal) => oauth?.revokeAllOf(principal),
  });
  authority.accept(signIn.authenticator);
  await signIn.register(app, deps);
  const tokens = openAuthorizationServer(core, signIn, { config, listening: () => app.listeningOrigin });
  oauth = tokens;
  closing.push(() => tokens.close());
  await tokens.register(app, deps);
  authority.accept(runTokenAuthenticator({ store, authority, runAuthority: runs.parts.authority }));
  organizationRoutes(app, deps);
  authorityRoutes(app, deps);
  principalRoutes(app, deps);
  folderRoutes(app, deps);
  projectRoutes(app, deps);
  groupRoutes(app, deps);
  agentRoutes(app, { ...agents.deps, ...deps, runs: runsOfAgent(runs.parts) });
  actionRoutes(app, deps);
  variableRoutes(app, deps);
  runRoutes(app, { ...deps, runs });
  scheduleRoutes(app, { ...deps, runs, wake: () => schedules.wake() });
  auditRoutes(app, deps);
  keyringRoutes(app, { ...deps, provider: secrets.provider });
  storeRoutes(app, deps);
  pkiRoutes(app, {
    ...deps,
    pki: core.pki,
    signingKeys: secrets.signingKeys,
    revocations: openRevocations({ store, pki: core.pki, clock }),
    openTokens: () => openTokens(store),
  });
  const { metrics } = core.telemetry;
  const apiCertificate = config.http.tls?.cert ?? null;
  const readiness = observe(metrics, { ...core, ...agents, log, app, apiCertificate });
  telemetryRoutes(app, { ...deps, metrics, readiness });
  return { url: await listenApi(app, config.http), signIn, app, readiness };
}

/** The authorization server: whoever signs in may have tokens, and so may services. */
function openAuthorizationServer(
  { store, secrets, audit, authority, clock }: Core,
  signIn: SignIn,
  at: { readonly config: ServerConfig; readonly listening: () => string },
): Oauth {
  const { config, listening } = at;
  return openOauth({
    ...{ store, secrets, audit, authority, clock, signIn },
    issuer: () => config.http.publicUrl ?? listening(),
    origins: signIn.origins,
    elevatable: signIn.elevatable,
    issuerAddresses: config.issuerAddresses,
    countDenial: (reason) => audit.countDenial(reason),
  });
}
