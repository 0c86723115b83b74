// The metrics of one process in the text format of Prometheus: what is counted as it happens, and what is looked up
// when somebody asks. Labels are groups, routes and closed lists, never runs or people.
import { Counter, Gauge, Histogram, Registry, collectDefaultMetrics } from 'prom-client';
import type { FastifyInstance } from 'fastify';
import type { RunWitness } from '../runs/contract.ts';
import type { StoreCommit } from '../store/store.ts';
import { groupGauges } from './group-gauges.ts';
import type { MakeGauge } from './group-gauges.ts';
import { httpMeter } from './http-meter.ts';
import { metricHelp } from './metric-names.ts';
import type { MetricName } from './metric-names.ts';
import { isOutdated } from './outdated.ts';
import type { Readings } from './readings.ts';
import { runMeter } from './run-meter.ts';

/** What is only known once the process is open. */
export interface Looked {
  readonly readings: Readings;
  /** Agents that are connected here, by group id. */
  readonly online: () => ReadonlyMap<string, number>;
  readonly connections: () => number;
  readonly eventStreams: () => number;
  /** When certificates end (epoch ms), by their kind. */
  readonly certificates: () => ReadonlyMap<string, number>;
}

export interface Metrics {
  readonly witness: RunWitness;
  committed(commit: StoreCommit): void;
  /** Counts the requests of an application; before its first route. */
  watchRequests(app: FastifyInstance): void;
  /** Everything, as text; `contentType` goes with it. */
  render(): Promise<string>;
  readonly contentType: string;
  /** Says where the rest is to be looked up. */
  look(at: Looked): void;
}

const delaySeconds = [
  0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 3_600,
];
const commitSeconds = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 5];
const commitUnits = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512];
const requestSeconds = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

/** `now` is epoch ms. */
export function openMetrics({
  now,
  version,
}: {
  readonly now: () => number;
  readonly version: string;
}): Metrics {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  const make = makers(registry);
  let looked: Looked | null = null;
  const requests = make.counter('wayside_http_requests_total', ['route', 'method', 'status']);
  const http = httpMeter(make.histogram('wayside_http_request_duration_seconds', requestSeconds));
  const commitDuration = make.histogram('wayside_store_commit_duration_seconds', commitSeconds);
  const units = make.histogram('wayside_store_commit_units', commitUnits);
  const groups = groupGauges(make.gauge);
  const info = make.gauge('wayside_build_info', ['version']);
  info.set({ version }, 1);
  const plain = plainGauges(make.gauge);
  return {
    witness: runMeter({
      now,
      requested: make.counter('wayside_runs_requested_total', []),
      requeued: make.counter('wayside_runs_requeued_total', []),
      ended: make.counter('wayside_runs_ended_total', ['state']),
      offerDelay: make.histogram('wayside_run_offer_delay_seconds', delaySeconds),
      startDelay: make.histogram('wayside_run_start_delay_seconds', delaySeconds),
    }),
    committed(commit) {
      commitDuration.observe(commit.ms / 1_000);
      units.observe(commit.units);
    },
    watchRequests: (app) => http.watch(app),
    contentType: registry.contentType,
    look: (at) => void (looked = at),
    async render() {
      http.fill(requests);
      if (looked !== null) {
        const reading = await looked.readings.current();
        groups.fill(reading, looked.online(), now());
        plain.fill(reading, looked, now());
      }
      return registry.metrics();
    },
  };
}

function makers(registry: Registry) {
  const registers = [registry];
  const gauge: MakeGauge = (name, labels) =>
    new Gauge({ name, help: metricHelp[name], labelNames: [...labels], registers });
  return {
    gauge,
    counter: <Label extends string>(name: MetricName, labels: readonly Label[]): Counter<Label> =>
      new Counter({ name, help: metricHelp[name], labelNames: [...labels], registers }),
    histogram: (name: MetricName, buckets: readonly number[]): Histogram =>
      new Histogram({ name, help: metricHelp[name], buckets: [...buckets], registers }),
  };
}

function plainGauges(gauge: MakeGauge) {
  const open = gauge('wayside_open_runs', ['state']);
  const connections = gauge('wayside_agent_connections', []);
  const up = gauge('wayside_store_up', []);
  const age = gauge('wayside_store_reading_age_seconds', []);
  const unchained = gauge('wayside_audit_unchained_events', []);
  const lag = gauge('wayside_audit_chain_lag_seconds', []);
  const expiry = gauge('wayside_certificate_expiry_timestamp_seconds', ['kind']);
  const streams = gauge('wayside_event_streams', []);
  return {
    fill(last: Awaited<ReturnType<Readings['current']>>, looked: Looked, now: number): void {
      connections.set(looked.connections());
      streams.set(looked.eventStreams());
      up.set(looked.readings.isUp() ? 1 : 0);
      expiry.reset();
      for (const [kind, endsAt] of looked.certificates()) expiry.set({ kind }, endsAt / 1_000);
      open.reset();
      for (const each of [unchained, lag, age]) each.remove();
      if (last === null) return;
      age.set(Math.max(0, now - last.at) / 1_000);
      if (isOutdated(last, now)) return;
      const queued = [...last.queued.values()].reduce((sum, { depth }) => sum + depth, 0);
      open.set({ state: 'queued' }, queued);
      for (const state of ['offered', 'running', 'indeterminate']) {
        open.set({ state }, last.held.get(state) ?? 0);
      }
      const { count, oldestAt } = last.unchained;
      unchained.set(count);
      lag.set(oldestAt === null ? 0 : Math.max(0, now - oldestAt) / 1_000);
    },
  };
}
