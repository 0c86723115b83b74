// Traces as a collector gets them, from a control plane and an agent that are processes of their own.
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { expect, test } from 'vitest';
import { startCollector } from '../../support/otlp-collector.ts';
import type { CollectedSpan } from '../../support/otlp-collector.ts';
import { System, until } from '../../support/system.ts';

const secret = 'hunter2-is-no-secret';
const visible = 'a-visible-value';
const hcl = `
group "main" {
  action "ship" {
    input "version" {
      type = string
    }
    input "pin" {
      type      = string
      sensitive = true
    }
    operation {
      name = "build"
      run {
        command = ["echo", var.version]
      }
    }
    operation {
      name = "deploy"
      run {
        command = ["sleep", "0.05"]
      }
    }
  }
  action "fail" {
    run {
      command = ["false"]
    }
  }
}
`;

const environmentFor = (url: string): Record<string, string> => ({
  OTEL_EXPORTER_OTLP_ENDPOINT: url,
  OTEL_SERVICE_NAME: 'wayside-under-test',
  OTEL_RESOURCE_ATTRIBUTES: 'deployment.environment.name=test',
  OTEL_BSP_SCHEDULE_DELAY: '50',
});

const parent = { traceId: '0af7651916cd43dd8448eb211c80319c', spanId: 'b7ad6b7169203331' };
const route = 'POST /v1/projects/:project/actions/:action/runs';

test('one trace goes from the press over every operation to the end, below whoever pressed', async () => {
  await using collector = await startCollector();
  await using system = await System.open({ groups: ['main'], environment: environmentFor(collector.url) });
  await system.startAgent('one', { hcl });
  await system.publish();
  const traceparent = `00-${parent.traceId}-${parent.spanId}-01`;
  const pressed = { inputs: { version: visible, pin: secret } };
  const run = await system.ask<{ id: string }>('POST', '/v1/projects/default/actions/ship/runs', pressed, {
    traceparent,
  });
  expect((await system.ended(run.id)).state).toBe('succeeded');
  const spans = await until('all spans are there', () => {
    const mine = collector.spans().filter(({ traceId }) => traceId === parent.traceId);
    return mine.some(({ name }) => name.startsWith('run ')) && mine.some(({ name }) => name === route)
      ? mine
      : null;
  });
  const named = (name: string): CollectedSpan => {
    const [only, ...more] = spans.filter((span) => span.name === name);
    if (only === undefined || more.length > 0)
      throw new Error(`${name} is there ${more.length} times too many`);
    return only;
  };
  const whole = named('run ship');
  expect(named(route).parentSpanId).toBe(parent.spanId);
  expect(whole.parentSpanId).toBe(named(route).spanId);
  expect(whole.spanId).toBe(run.id.replaceAll('-', '').slice(-16));
  const phases = ['commit', 'queue', 'offer', 'accept', 'go', 'operation build', 'operation deploy', 'end'];
  expect(spans.map(({ name }) => name).sort()).toEqual([...phases, 'run ship', route].sort());
  for (const name of phases) {
    const span = named(name);
    expect(span.parentSpanId).toBe(whole.spanId);
    expect(span.from).toBeLessThanOrEqual(span.to);
    // The id tells the press in whole milliseconds.
    expect(span.from).toBeGreaterThanOrEqual(whole.from - 1);
    expect(span.to).toBeLessThanOrEqual(whole.to + 1);
    expect(span.attributes).toMatchObject({ 'wayside.run.id': run.id, 'wayside.action.name': 'ship' });
  }
  const inOrder = phases.slice(1).map((name) => named(name).from);
  expect(inOrder).toEqual([...inOrder].sort((a, b) => a - b));
  expect(named('operation deploy').to - named('operation deploy').from).toBeGreaterThan(40);
  expect(named('operation build').attributes).toMatchObject({
    'wayside.group.name': 'main',
    'wayside.agent.name': 'one',
    'wayside.attempt': 1,
    'wayside.operation.kind': 'run',
    'wayside.operation.exit_code': 0,
  });
  expect(whole.attributes['wayside.run.state']).toBe('succeeded');
  expect(whole.resource).toMatchObject({
    'service.name': 'wayside-under-test',
    'deployment.environment.name': 'test',
  });
  const everything = collector.bodies().join('\n');
  for (const value of [secret, visible, system.token]) expect(everything).not.toContain(value);
}, 60_000);

test('a press without a trace begins one, a failure shows, and an unsampled caller is left alone', async () => {
  await using collector = await startCollector();
  await using system = await System.open({ groups: ['main'], environment: environmentFor(collector.url) });
  await system.startAgent('one', { hcl });
  await system.publish();
  const path = '/v1/projects/default/actions/fail/runs';
  const quiet = await system.ask<{ id: string }>(
    'POST',
    path,
    {},
    {
      traceparent: `00-${parent.traceId}-${parent.spanId}-00`,
    },
  );
  await system.ended(quiet.id);
  const loud = await system.press('fail');
  await system.ended(loud.id);
  const whole = await until('the run is there', () =>
    collector
      .spans()
      .find(({ name, attributes }) => name === 'run fail' && attributes['wayside.run.id'] === loud.id),
  );
  expect(whole.failed).toBe(true);
  expect(whole.attributes['wayside.run.state']).toBe('failed');
  // What gathered is sent when the process ends.
  await system.stopServer('SIGTERM');
  const spans = collector.spans();
  expect(spans.some(({ traceId }) => traceId === parent.traceId)).toBe(false);
  const request = spans.find(({ spanId }) => spanId === whole.parentSpanId);
  expect(request).toMatchObject({ name: route, parentSpanId: '', traceId: whole.traceId });
  expect(spans.find(({ name }) => name.startsWith('operation '))).toMatchObject({ failed: true });
}, 60_000);

test('a collector that is dead or never answers slows and fails no press', async () => {
  // Takes connections and says nothing.
  const silent = createServer(() => undefined);
  await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
  const { port } = silent.address() as AddressInfo;
  try {
    for (const url of [`http://127.0.0.1:${port}`, 'http://127.0.0.1:1']) {
      await using system = await System.open({
        groups: ['main'],
        environment: { ...environmentFor(url), OTEL_BSP_MAX_QUEUE_SIZE: '16' },
      });
      await system.startAgent('one', { hcl });
      await system.publish();
      const runs = await Promise.all(Array.from({ length: 40 }, () => system.press('fail')));
      const ended = await system.allEnded(runs.map(({ id }) => id));
      expect(ended.every(({ state }) => state === 'failed')).toBe(true);
      const begun = performance.now();
      expect((await system.stopServer('SIGTERM')).code).toBe(0);
      expect(performance.now() - begun).toBeLessThan(20_000);
    }
  } finally {
    silent.close();
  }
}, 120_000);
