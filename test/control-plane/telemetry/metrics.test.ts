// The metrics as Prometheus sees them: scraped over HTTP from a control plane that runs, with presses on a real agent.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { metricHelp } from '../../../control-plane/telemetry/metric-names.ts';
import { parseMetrics, valueOf } from '../../support/metrics-text.ts';
import type { Family } from '../../support/metrics-text.ts';
import { System, until } from '../../support/system.ts';

const hcl = `
group "main" {
  action "note" {
    status {
      message = "noted"
      status  = "complete"
    }
  }
  action "fail" {
    run {
      command = ["false"]
    }
  }
}
`;

let system: System;
beforeAll(async () => {
  system = await System.open({ groups: ['main', 'idle'] });
  await system.startAgent('one', { hcl });
  await system.publish();
}, 60_000);
afterAll(() => system[Symbol.asyncDispose]());

async function scrape(): Promise<ReadonlyMap<string, Family>> {
  const answer = await system.api('GET', '/metrics');
  expect(answer.status).toBe(200);
  expect(answer.headers.get('content-type')).toMatch(/^text\/plain; version=0\.0\.4; charset=utf-8$/);
  return parseMetrics(answer.text);
}

const inMain = { project: 'default', group: 'main' };

describe('what is counted as it happens', () => {
  test('runs, delays, commits and requests move with a press', async () => {
    const before = await scrape();
    const runs = await Promise.all([1, 2, 3].map(() => system.press('note')));
    const failing = await system.press('fail');
    await system.allEnded([...runs, failing].map(({ id }) => id));
    const after = await scrape();
    const moved = (name: string, labels = {}): number =>
      (valueOf(after, name, labels) ?? 0) - (valueOf(before, name, labels) ?? 0);
    expect(moved('wayside_runs_requested_total')).toBe(4);
    expect(moved('wayside_runs_ended_total', { state: 'succeeded' })).toBe(3);
    expect(moved('wayside_runs_ended_total', { state: 'failed' })).toBe(1);
    expect(moved('wayside_run_offer_delay_seconds_count')).toBe(4);
    expect(moved('wayside_run_start_delay_seconds_count')).toBe(4);
    expect(moved('wayside_run_start_delay_seconds_sum')).toBeGreaterThan(0);
    const offers = valueOf(after, 'wayside_run_offer_delay_seconds_sum') ?? Number.NaN;
    expect(offers).toBeLessThan(valueOf(after, 'wayside_run_start_delay_seconds_sum') ?? 0);
    expect(moved('wayside_store_commit_duration_seconds_count')).toBeGreaterThanOrEqual(4);
    expect(moved('wayside_store_commit_units_sum')).toBeGreaterThanOrEqual(
      moved('wayside_store_commit_units_count'),
    );
    const route = '/v1/projects/:project/actions/:action/runs';
    expect(moved('wayside_http_requests_total', { route, method: 'POST', status: '2xx' })).toBe(4);
    expect(moved('wayside_http_requests_total', { route: '/metrics', status: '2xx' })).toBe(1);
  });

  test('what no route answers has one label, whatever its path', async () => {
    for (const path of ['/v1/a', '/v1/b', '/c']) await system.api('GET', path);
    const requests = (await scrape()).get('wayside_http_requests_total')?.samples ?? [];
    const unknown = requests.filter(({ labels }) => labels['status'] === '4xx');
    expect(new Set(unknown.map(({ labels }) => labels['route']))).toEqual(new Set(['none']));
    expect(requests.every(({ labels }) => !/[0-9a-f]{8}-/.test(labels['route'] ?? ''))).toBe(true);
  });
});

describe('what is looked up', () => {
  test('says who is there, what ends when, and how the process does', async () => {
    const families = await until('the agent shows', async () => {
      const seen = await scrape();
      return valueOf(seen, 'wayside_agents_online', inMain) === 1 ? seen : null;
    });
    expect(valueOf(families, 'wayside_agents_enrolled', inMain)).toBe(1);
    expect(valueOf(families, 'wayside_agent_connections')).toBe(1);
    expect(valueOf(families, 'wayside_store_up')).toBe(1);
    const now = Date.now() / 1_000;
    for (const kind of ['agent_listener', 'root', 'intermediate', 'data_plane']) {
      expect(valueOf(families, 'wayside_certificate_expiry_timestamp_seconds', { kind })).toBeGreaterThan(
        now,
      );
    }
    expect(valueOf(families, 'wayside_audit_chain_lag_seconds')).toBeLessThan(60);
    expect(valueOf(families, 'wayside_event_streams')).toBe(0);
    expect(valueOf(families, 'nodejs_eventloop_lag_seconds')).toBeGreaterThanOrEqual(0);
    expect(families.has('nodejs_eventloop_lag_p99_seconds')).toBe(true);
    expect(valueOf(families, 'process_cpu_seconds_total')).toBeGreaterThan(0);
  }, 30_000);

  test('says what waits, where, and since when', async () => {
    const action = { name: 'later', group: 'main', operation: 'note' };
    await system.ask('POST', '/v1/projects/default/actions', action);
    await system.ask('POST', '/v1/projects/default/agents/one/drain');
    const waiting = await system.press('later');
    const families = await until('the queue shows', async () => {
      const seen = await scrape();
      return valueOf(seen, 'wayside_queued_runs', inMain) === 1 ? seen : null;
    });
    expect(valueOf(families, 'wayside_queued_runs', { project: 'default', group: 'idle' })).toBe(0);
    expect(valueOf(families, 'wayside_queue_oldest_age_seconds', inMain)).toBeGreaterThan(0);
    expect(valueOf(families, 'wayside_queue_oldest_age_seconds', { ...inMain, group: 'idle' })).toBe(0);
    expect(valueOf(families, 'wayside_open_runs', { state: 'queued' })).toBe(1);
    expect(valueOf(families, 'wayside_open_runs', { state: 'running' })).toBe(0);
    await system.ask('POST', `/v1/runs/${waiting.id}/cancel`, {});
  }, 30_000);

  test('counts an event stream while it is open', async () => {
    const run = await system.press('later');
    const stop = new AbortController();
    await fetch(`${system.url}/v1/runs/${run.id}/events`, {
      headers: { authorization: `Bearer ${system.token}`, accept: 'text/event-stream' },
      signal: stop.signal,
    });
    expect(valueOf(await scrape(), 'wayside_event_streams')).toBe(1);
    stop.abort();
    await until('it is gone', async () => valueOf(await scrape(), 'wayside_event_streams') === 0);
  });
});

describe('names and labels', () => {
  test('follow the conventions of Prometheus', async () => {
    const families = [...(await scrape()).values()].filter(({ name }) => name.startsWith('wayside_'));
    expect(families.map(({ name }) => name).sort()).toEqual(Object.keys(metricHelp).sort());
    for (const { name, help, type } of families) {
      expect(help).toMatch(/^[A-Z].*\.$/);
      expect(name).toMatch(/^[a-z][a-z0-9]*(_[a-z0-9]+)*$/);
      // A counter says so, and nothing else does.
      expect(name.endsWith('_total')).toBe(type === 'counter');
      // Base units: seconds and bytes.
      expect(name).not.toMatch(/milliseconds|_ms|micros|minutes|hours|kilobytes|_kb|percent/);
      if (/(^|_)(duration|delay|age|lag|expiry)(_|$)/.test(name)) expect(name).toMatch(/_seconds$/);
    }
  });

  test('a histogram counts up to +Inf, and that is its count', async () => {
    const histograms = [...(await scrape()).values()].filter(({ type }) => type === 'histogram');
    expect(histograms.length).toBeGreaterThan(4);
    for (const { name, samples } of histograms) {
      const buckets = samples.filter(
        (sample) => sample.name === `${name}_bucket` && sample.labels['kind'] === undefined,
      );
      const values = buckets.map(({ value }) => value);
      expect(values).toEqual([...values].sort((a, b) => a - b));
      if (values.length > 0) {
        expect(buckets.at(-1)?.labels['le']).toBe('+Inf');
        expect(values.at(-1)).toBe(samples.find((sample) => sample.name === `${name}_count`)?.value);
      }
    }
  });

  test('no label is the id of anything', async () => {
    for (const { samples } of (await scrape()).values()) {
      for (const { labels } of samples) {
        for (const value of Object.values(labels)) expect(value).not.toMatch(/[0-9a-f]{8}-[0-9a-f]{4}-/);
      }
    }
  });
});

test('are for those alone who may read them', async () => {
  const stranger = await system.api('GET', '/metrics', undefined, { authorization: undefined });
  expect(stranger.status).toBe(401);
});
