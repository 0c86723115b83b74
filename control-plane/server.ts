// The only wiring of the control plane: what is opened, in which order, and how it is closed again.
import { upkeepMs } from '../protocol/limits.ts';
import type { FastifyBaseLogger, FastifyInstance } from 'fastify';
import { actionRoutes } from './actions/routes.ts';
import { openAgentSide } from './agent-side.ts';
import type { AgentSide } from './agent-side.ts';
import { agentRoutes } from './agents/routes.ts';
import { pruneJoinTokens } from './agents/forget-join-tokens.ts';
import { openTokens } from './agents/open-tokens.ts';
import { forgetDenialCounts } from './audit/denials.ts';
import { auditRoutes } from './audit/routes.ts';
import { recordDenied } from './authority/deny.ts';
import { forgetDecisions } from './authority/forget-decisions.ts';
import { authorityRoutes } from './authority/routes.ts';
import type { ServerConfig } from './config.ts';
import { folderRoutes } from './folders/routes.ts';
import { groupRoutes } from './groups/routes.ts';
import { openApp } from './http/app.ts';
import { forgetIdempotencyKeys } from './http/forget-idempotency-keys.ts';
import { listenApi } from './http/listen.ts';
import type { RegisteredRoute } from './http/registered-routes.ts';
import { issueFirstToken } from './organizations/initialize.ts';
import { openOauth } from './oauth/open.ts';
import { paths } from './oauth/paths.ts';
import type { Oauth } from './oauth/open.ts';
import { organizationRoutes } from './organizations/routes.ts';
import { openRevocations } from './pki/publish-lists.ts';
import { pkiRoutes } from './pki/routes.ts';
import { principalRoutes } from './principals/routes.ts';
import { projectRoutes } from './projects/routes.ts';
import type { FaultPoint } from './runs/contract.ts';
import { runsOfAgent } from './runs/revoke.ts';
import { runRoutes } from './runs/routes.ts';
import { runTokenAuthenticator } from './runs/run-token.ts';
import { scheduleRoutes } from './schedules/routes.ts';
import { keyringRoutes } from './secrets/routes.ts';
import { openSignIn } from './sign-in/open.ts';
import type { SignIn } from './sign-in/open.ts';
import { storeRoutes } from './store/routes.ts';
import { leave } from './leave.ts';
import { observe } from './telemetry/open.ts';
import type { Readiness } from './telemetry/readiness.ts';
import { telemetryRoutes } from './telemetry/routes.ts';
import { startUpkeep } from './upkeep.ts';
import { variableRoutes } from './variables/routes.ts';
import { openCore } from './core.ts';
import type { Closing, Core } from './core.ts';

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

/** Opens everything and listens. Throws the failures of its parts, each with what to do about it. */
export async function startServer(options: ServerOptions): Promise<RunningServer> {
  const closing: Closing = [];
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
    const core = await openCore({ ...options, version }, closing);
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
  closing: Closing,
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
