// What is measured of one process, put together: metrics always, traces where an endpoint for them is named.
import { X509Certificate } from 'node:crypto';
import type { FastifyBaseLogger, FastifyInstance } from 'fastify';
import type { Authority } from '../authority/authority.ts';
import type { Channel, ListenerTls } from '../channel/contract.ts';
import { countStreams } from '../http/open-streams.ts';
import type { Pki } from '../pki/open-pki.ts';
import type { RunWitness } from '../runs/contract.ts';
import type { Runs } from '../runs/open.ts';
import type { Store, StoreCommit } from '../store/store.ts';
import { fineClock } from './fine-clock.ts';
import { openMetrics } from './metrics.ts';
import type { Metrics } from './metrics.ts';
import { openReadiness } from './readiness.ts';
import type { Readiness } from './readiness.ts';
import { openReadings } from './readings.ts';
import { bothWitnesses } from './run-meter.ts';
import type { TraceConfig } from './trace-config.ts';

export interface Telemetry {
  readonly metrics: Metrics;
  readonly witness: RunWitness;
  committed(commit: StoreCommit): void;
  watchRequests(app: FastifyInstance): void;
  /** Sends what gathered of traces, for `tracesFlushMsMax` at the most. */
  close(): Promise<void>;
}

export interface TelemetryOptions {
  readonly clock: { now(): number };
  readonly version: string;
  readonly traces: TraceConfig | null;
  readonly log: FastifyBaseLogger;
}

export async function openTelemetry({ clock, version, traces, log }: TelemetryOptions): Promise<Telemetry> {
  const metrics = openMetrics({ now: () => clock.now(), version });
  const measured = {
    metrics,
    witness: metrics.witness,
    committed: (commit: StoreCommit) => metrics.committed(commit),
    watchRequests: (app: FastifyInstance) => metrics.watchRequests(app),
    close: () => Promise.resolve(),
  };
  if (traces === null) return measured;
  // Loaded only where it is used: nobody else waits for it or keeps it in memory.
  const { openTracing } = await import('./tracing.ts');
  const now = fineClock({ now: () => clock.now(), elapsed: () => performance.now() });
  const tracing = openTracing(traces, {
    now,
    version,
    report: (message) => log.warn({ kind: 'traces_failed' }, message),
  });
  return {
    ...measured,
    witness: bothWitnesses(metrics.witness, tracing.witness),
    watchRequests(app) {
      metrics.watchRequests(app);
      tracing.watchRequests(app);
    },
    close: () => tracing.close(),
  };
}

/** What is open of the control plane, for what is looked up in it. */
export interface Observed {
  readonly clock: { now(): number };
  readonly log: FastifyBaseLogger;
  readonly store: Store;
  readonly authority: Pick<Authority, 'isFresh'>;
  readonly pki: Pick<Pki, 'authorities'>;
  readonly runs: Runs;
  readonly channel: Channel;
  /** Of the listeners for agents, as it is now. */
  readonly certificate: () => Pick<ListenerTls, 'cert'>;
  /** Of the API; null where it speaks plain HTTP. */
  readonly apiCertificate: string | null;
  readonly app: FastifyInstance;
}

/** Lets the metrics look into what is open, and answers whether that is ready. */
export function observe(metrics: Metrics, of: Observed): Readiness {
  const { clock, store, runs, channel, app } = of;
  const elapsed = (): number => performance.now();
  metrics.look({
    readings: openReadings({
      store,
      now: () => clock.now(),
      elapsed,
      report: (cause) => of.log.warn({ err: cause }, 'the figures of the metrics could not be read'),
    }),
    online: () =>
      new Map(runs.parts.seats.groups().map((group) => [group, runs.parts.seats.serving(group).length])),
    connections: () => [...channel.online()].length,
    eventStreams: () => countStreams(app),
    certificates: () => certificatesOf(of),
  });
  return openReadiness({
    store,
    isPolicyFresh: () => of.authority.isFresh(),
    agentsListen: () => channel.isListening(),
    elapsed,
  });
}

/** The first that ends of each kind. */
function certificatesOf({ pki, certificate, apiCertificate }: Observed): ReadonlyMap<string, number> {
  const ends = new Map<string, number>();
  const add = (kind: string, { validToDate }: X509Certificate): void => {
    ends.set(kind, Math.min(ends.get(kind) ?? Infinity, validToDate.getTime()));
  };
  for (const { level, state, certificate: of } of pki.authorities().all)
    if (state === 'active') add(level, of);
  add('agent_listener', new X509Certificate(certificate().cert));
  if (apiCertificate !== null) add('api', new X509Certificate(apiCertificate));
  return ends;
}
