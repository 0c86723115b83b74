// Everything below the listeners, opened in its order: the ground that all stand on, then what runs and schedules do.
import { hostname } from 'node:os';
import { join } from 'node:path';
import { randomBytes, randomUUIDv7 } from 'node:crypto';
import type { FastifyBaseLogger } from 'fastify';
import { Failure } from '../protocol/failures.ts';
import { openServerRow } from './agents/server-row.ts';
import type { ServerRow } from './agents/server-row.ts';
import { openAudit } from './audit/audit.ts';
import { openHeadHandout } from './audit/hand-heads.ts';
import type { HeadHandout } from './audit/hand-heads.ts';
import type { Audit } from './audit/audit.ts';
import { openAuthority } from './authority/authority.ts';
import type { Authority } from './authority/authority.ts';
import { systemClock } from './channel/clock.ts';
import type { ServerConfig } from './config.ts';
import { knownThings } from './known-things.ts';
import { ensureOrganization } from './organizations/initialize.ts';
import { openPki } from './pki/open-pki.ts';
import type { Pki } from './pki/open-pki.ts';
import { entryOfRotation } from './pki/record-rotation.ts';
import type { RotationWitness } from './pki/record-rotation.ts';
import type { FaultPoint } from './runs/contract.ts';
import { currentIntentKey } from './runs/intent-key.ts';
import { openRuns } from './runs/open.ts';
import type { Runs } from './runs/open.ts';
import { runAuthorityOf } from './runs/run-authority.ts';
import { openSchedules } from './schedules/open.ts';
import type { Schedules } from './schedules/open.ts';
import { openKeyring } from './secrets/keyring.ts';
import { needsKeyring, openSecrets } from './secrets/secrets.ts';
import type { Secrets } from './secrets/secrets.ts';
import { databasePath } from './store/sqlite/data-folder.ts';
import { openStore } from './store/open-store.ts';
import type { Store } from './store/store.ts';
import { openTelemetry } from './telemetry/open.ts';
import type { Telemetry } from './telemetry/open.ts';

export type Closing = (() => Promise<void> | void)[];

export interface CoreOptions {
  readonly config: ServerConfig;
  readonly log: FastifyBaseLogger;
  readonly version: string;
  /** The disk failed: nothing that was not acknowledged may be, so the process must end (rules.md 4). */
  readonly onFatal: (cause: unknown) => void;
  /** Stops the process at a named point, in fault tests only. */
  readonly faultPoint?: (point: FaultPoint) => Promise<void> | void;
}

/** Everything below the listeners. */
export interface Core extends Ground {
  readonly runs: Runs;
  readonly servers: ServerRow;
  readonly schedules: Schedules;
}

interface Ground {
  readonly clock: ReturnType<typeof systemClock>;
  readonly store: Store;
  readonly secrets: Secrets;
  readonly audit: Audit;
  readonly authority: Authority;
  readonly pki: Pki;
  readonly heads: HeadHandout;
  readonly telemetry: Telemetry;
}

/** Throws the failures of its parts, each with what to do about it; `closing` gets what ends each again. */
export async function openCore(options: CoreOptions, closing: Closing): Promise<Core> {
  return openWork(options, await openGround(options, closing), closing);
}

async function openGround(options: CoreOptions, closing: Closing): Promise<Ground> {
  const { config, log } = options;
  const clock = systemClock();
  const telemetry = await openTelemetry({ clock, version: options.version, traces: config.traces, log });
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
  return { clock, store, secrets, audit, authority, pki, heads: handout, telemetry };
}

async function openWork({ log, faultPoint }: CoreOptions, ground: Ground, closing: Closing): Promise<Core> {
  const { clock, store, secrets, audit, authority, pki, heads, telemetry } = ground;
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
    intentKey: currentIntentKey(() => pki.intentKey()),
    headFor: (connection) => heads.next(connection),
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
  return { ...ground, runs, servers, schedules };
}

function openMeasuredStore({ config, log, onFatal }: CoreOptions, telemetry: Telemetry): Promise<Store> {
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
}: Pick<Core, 'audit' | 'authority'> & Pick<CoreOptions, 'log'>): RotationWitness {
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
