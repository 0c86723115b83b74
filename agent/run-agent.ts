// The agent from start to exit: load, lock, recover, connect, work, leave. Nothing is said to the control plane
// before the journal has been read and what it left was settled (rules.md 2 and 13).
import { randomUUIDv7 } from 'node:crypto';
import { renderDiagnostic } from '../hcl/render-diagnostic.ts';
import { Failure } from '../protocol/failures.ts';
import { agentInboxMax } from '../protocol/limits.ts';
import { readBootId, systemClock } from './clock.ts';
import type { AgentConfig } from './config.ts';
import type { ExecuteRun } from './contract.ts';
import { exitCodes } from './exit-codes.ts';
import type { ExitCode } from './exit-codes.ts';
import { HeadKeeper } from './heads.ts';
import { isExposed, openStateFolder, readIdentity } from './identity.ts';
import type { StoredIdentity } from './identity.ts';
import { createInbox } from './inbox.ts';
import { Journal } from './journal.ts';
import { startsOf } from './limits.ts';
import { loadRegistry, readSources } from './load.ts';
import type { Registry } from './load.ts';
import type { Log } from './log.ts';
import { recover } from './recover.ts';
import type { KillLeftovers } from './recover.ts';
import { followFiles } from './reload.ts';
import type { FollowedFiles } from './reload.ts';
import { startRenewal } from './renew.ts';
import { trustPrivateCa } from './secure-agent.ts';
import type { ProxyEnv } from './secure-agent.ts';
import { Session } from './session.ts';
import { SpoolFolder } from './spool.ts';
import { lockState } from './state-lock.ts';
import {
  openTrust,
  resolveControlPlane,
  takeIdentity,
  takeIntentKeys,
  takeTrustAnchors,
  verifyContext,
} from './trust.ts';
import type { Trust } from './trust.ts';
import { leaveMemoryOutOfDumps } from './undumpable.ts';
import { verifyOffer } from './verify.ts';
import { Work } from './work.ts';
import type { Happening, WorkDeps, WorkStart } from './work-deps.ts';
import type { LeaveReason } from './work-state.ts';

/** What the process hears from outside. */
export interface Signals {
  /** SIGTERM and SIGINT: the first drains, the second hurries. */
  onTerminate(listener: () => void): void;
  /** SIGHUP. */
  onReload(listener: () => void): void;
}

export interface AgentParts {
  readonly config: AgentConfig;
  readonly version: string;
  readonly pid: number;
  readonly log: Log;
  readonly signals: Signals;
  readonly execute: ExecuteRun;
  readonly killLeftovers: KillLeftovers;
  readonly random: () => number;
  /** Ends the process at once: the journal cannot be trusted any more. */
  readonly abort: (failure: Failure) => void;
}

const leaveCodes: Readonly<Record<LeaveReason, ExitCode>> = {
  drained: exitCodes.ok,
  agent_revoked: exitCodes.notPermitted,
  quarantined: exitCodes.notPermitted,
  unknown_groups: exitCodes.configuration,
};

/** Runs until it is told to leave; answers the exit code. Throws a Failure for what keeps it from starting. */
export async function runAgent(parts: AgentParts): Promise<ExitCode> {
  const { config, log } = parts;
  const path = config.files;
  if (path === null)
    throw new Failure('invalid_request', 'Name the agent file: wayside-agent run -c agent.hcl');
  const registry = loadOrRefuse(path, config, log);
  const { settings } = registry;
  if (settings.network.caFile !== null) trustPrivateCa(settings.network.caFile);
  const stateFolder = config.stateDir(settings);
  openStateFolder(stateFolder);
  const lock = lockState(stateFolder, parts.pid);
  try {
    const identity = readIdentity(stateFolder);
    if (identity === null) throw notEnrolled(stateFolder);
    warnAboutMachine(stateFolder, registry, log);
    return await work(parts, {
      path,
      stateFolder,
      proxyEnv: config.proxyEnv(settings),
      trust: await openTrust(identity, registry),
    });
  } finally {
    lock.release();
  }
}

interface Place {
  readonly path: string;
  readonly stateFolder: string;
  readonly proxyEnv: ProxyEnv;
  readonly trust: Trust;
}

async function work(parts: AgentParts, place: Place): Promise<ExitCode> {
  const { config, log, random } = parts;
  const { faultPoint } = config;
  const { path, stateFolder, proxyEnv, trust } = place;
  const clock = systemClock();
  const journal = await Journal.open({ folder: stateFolder, clock, faultPoint, fatal: parts.abort });
  reportJournal(journal, log);
  const spools = SpoolFolder.open(stateFolder);
  const recovered = await recover({ journal, spools, clock, killLeftovers: parts.killLeftovers });
  faultPoint('recovered');
  const inbox = createInbox<Happening>(agentInboxMax);
  const identity = (): StoredIdentity => trust.identity;
  const journalCounter = (): number => journal.counter;
  const session = new Session({ identity, proxyEnv, clock, random, inbox, journalCounter, log });
  const renewed = (fresh: StoredIdentity): void => {
    void takeIdentity(trust, fresh, log).then(() => {
      session.redial();
    });
  };
  const renewal = startRenewal({ stateFolder, proxyEnv, faultPoint, clock, random, log, identity, renewed });
  const left = Promise.withResolvers<{ readonly reason: LeaveReason; readonly message: string }>();
  const doing = startWork(
    { parts, trust, stateFolder, clock, journal, spools, inbox, recovered },
    {
      line: session,
      renew: () => {
        renewal.renewNow();
      },
      leave: (reason, message) => {
        left.resolve({ reason, message });
      },
    },
  );
  const files = followFiles({ path, config, trust, work: doing, log });
  hearSignals(parts.signals, doing, files);
  const running = doing.run();
  session.start();
  const { reason, message } = await left.promise;
  log[reason === 'drained' ? 'info' : 'error']({ reason }, message);
  files.close();
  renewal.stop();
  await session.stop();
  doing.stop();
  await running;
  await journal.close();
  spools.close();
  return leaveCodes[reason];
}

function startWork(
  {
    parts,
    trust,
    stateFolder,
    ...things
  }: {
    readonly parts: AgentParts;
    readonly trust: Trust;
    readonly stateFolder: string;
  } & Pick<WorkDeps, 'clock' | 'journal' | 'spools' | 'inbox'> &
    Pick<WorkStart, 'recovered'>,
  outside: Pick<WorkDeps, 'line' | 'renew' | 'leave'>,
): Work {
  const { clock, journal, recovered } = things;
  const { settings, advertisement } = trust.registry;
  const heads = new HeadKeeper({ folder: stateFolder, clock, log: parts.log });
  return new Work(
    {
      ...things,
      ...outside,
      starts: startsOf(journal.fold),
      bootId: readBootId(),
      version: parts.version,
      incarnation: randomUUIDv7(),
      verify: async (offer) => {
        await trust.settled;
        return verifyOffer(offer, verifyContext(trust, clock.now()));
      },
      execute: parts.execute,
      heads,
      welcomed: (welcome) => {
        trust.skewMs = welcome.now - clock.now();
        takeTrustAnchors(trust, welcome.trust_anchors ?? [], {
          stateFolder,
          now: clock.now(),
          log: parts.log,
        });
        void takeIntentKeys(trust, welcome.intent_keys, parts.log);
        heads.welcomed(welcome, trust.identity);
        void resolveControlPlane(trust);
      },
      faultPoint: parts.config.faultPoint,
      log: parts.log,
    },
    {
      concurrency: settings.concurrency,
      shutdownGraceMs: settings.shutdownGraceMs,
      sharesUser: settings.runAs === null,
      advertisement,
      knownGroups: trust.identity.groups,
      recovered,
    },
  );
}

function loadOrRefuse(path: string, config: AgentConfig, log: Log): Registry {
  const { registry, diagnostics } = loadRegistry(readSources(path), config);
  for (const diagnostic of diagnostics) {
    if (diagnostic.severity === 'warning') log.warn(renderDiagnostic(diagnostic, { color: false }));
  }
  if (registry !== null) return registry;
  const errors = diagnostics.filter(({ severity }) => severity === 'error');
  throw new Failure(
    'invalid_agent_file',
    [
      ...errors.map((diagnostic) => renderDiagnostic(diagnostic, { color: false })),
      `The agent file has ${errors.length === 1 ? 'an error' : `${errors.length} errors`}; nothing was started.`,
    ].join('\n\n'),
  );
}

function notEnrolled(stateFolder: string): Failure {
  return new Failure(
    'not_enrolled',
    `There is no identity in ${stateFolder}. Enrol first: wayside-agent enroll --server https://host:7402 --name NAME, with the token on standard input.`,
  );
}

function warnAboutMachine(stateFolder: string, { settings }: Registry, log: Log): void {
  if (isExposed(stateFolder))
    log.warn({ folder: stateFolder }, 'Others can read the keys: chmod 600 identity.json.');
  if (settings.runAs === null)
    log.warn('Commands run as the user of the agent itself; set run_as to part them.');
  for (const advice of leaveMemoryOutOfDumps().advice) log.info(advice);
}

function reportJournal({ report }: Journal, log: Log): void {
  const { damage, torn, unknown, kept } = report;
  if (damage.length > 0 || unknown > 0) {
    log.error(
      { damage, unknown, kept },
      'The journal was damaged. What it does not tell any more is reported as interrupted.',
    );
  } else if (torn > 0) {
    log.warn(
      { torn, kept },
      'The last record of the journal was not whole: the machine went down while it was written.',
    );
  }
}

function hearSignals(signals: Signals, doing: Work, files: FollowedFiles): void {
  let asked = false;
  signals.onTerminate(() => {
    doing.inbox.put(asked ? { type: 'hurry' } : { type: 'drain', cause: 'signal' });
    asked = true;
  });
  signals.onReload(() => {
    files.reload();
  });
}
