// Traces are configured as OpenTelemetry says, and off where nobody names an endpoint.
import { expect, test } from 'vitest';
import { readTraceConfig } from '../../../control-plane/telemetry/trace-config.ts';

const endpoint = { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://collector:4318' };

test.each([
  ['nothing is set', {}],
  ['the endpoint is set to nothing', { OTEL_EXPORTER_OTLP_ENDPOINT: '' }],
  ['the SDK is disabled', { ...endpoint, OTEL_SDK_DISABLED: 'true' }],
  ['the exporter is none', { ...endpoint, OTEL_TRACES_EXPORTER: 'none' }],
])('they are off where %s', (_, environment) => {
  expect(readTraceConfig(environment)).toBeNull();
});

test('what is not said is as the specification has it', () => {
  expect(readTraceConfig(endpoint)).toEqual({
    serviceName: 'wayside',
    sampler: { root: 'on', parentBased: true, ratio: 1 },
    batch: { delayMs: 5_000, queueMax: 2_048, batchMax: 512, exportMsMax: 30_000 },
    attributes: new Map(),
  });
});

test('what is said counts', () => {
  const read = readTraceConfig({
    ...endpoint,
    OTEL_TRACES_SAMPLER: 'traceidratio',
    OTEL_TRACES_SAMPLER_ARG: '0.25',
    OTEL_RESOURCE_ATTRIBUTES: 'service.name=named,where=two%20words,broken=%,,alone',
    OTEL_BSP_SCHEDULE_DELAY: '10',
  });
  expect(read?.sampler).toEqual({ root: 'ratio', parentBased: false, ratio: 0.25 });
  expect(read?.serviceName).toBe('named');
  expect(read?.attributes.get('where')).toBe('two words');
  expect(read?.attributes.has('broken')).toBe(false);
  expect(read?.batch.delayMs).toBe(10);
  expect(readTraceConfig({ ...endpoint, OTEL_SERVICE_NAME: 'mine' })?.serviceName).toBe('mine');
});

test.each([
  ['OTEL_EXPORTER_OTLP_ENDPOINT', { OTEL_EXPORTER_OTLP_ENDPOINT: 'collector:4318' }],
  ['OTEL_TRACES_SAMPLER', { ...endpoint, OTEL_TRACES_SAMPLER: 'sometimes' }],
  [
    'OTEL_TRACES_SAMPLER_ARG',
    { ...endpoint, OTEL_TRACES_SAMPLER: 'traceidratio', OTEL_TRACES_SAMPLER_ARG: '2' },
  ],
  ['OTEL_BSP_MAX_QUEUE_SIZE', { ...endpoint, OTEL_BSP_MAX_QUEUE_SIZE: '-1' }],
  ['OTEL_TRACES_EXPORTER', { ...endpoint, OTEL_TRACES_EXPORTER: 'zipkin' }],
])('a mistake names its variable: %s', (name, environment) => {
  expect(() => readTraceConfig(environment)).toThrow(new RegExp(`^${name} is not valid`));
});
