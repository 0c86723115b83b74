// Labels stay bounded: groups beyond the bound are told together.
import { Gauge, Registry } from 'prom-client';
import { expect, test } from 'vitest';
import { groupGauges } from '../../../control-plane/telemetry/group-gauges.ts';
import type { MakeGauge } from '../../../control-plane/telemetry/group-gauges.ts';
import { parseMetrics, valueOf } from '../../support/metrics-text.ts';

const pressedAt = (ms: number): string => {
  const time = ms.toString(16).padStart(12, '0');
  return `${time.slice(0, 8)}-${time.slice(8)}-7000-8000-000000000000`;
};

test('a group without labels of its own counts under _other, and an old reading counts as none', async () => {
  const registry = new Registry();
  const make: MakeGauge = (name, labels) =>
    new Gauge({ name, help: 'Help.', labelNames: [...labels], registers: [registry] });
  const gauges = groupGauges(make);
  const reading = {
    at: 100_000,
    queued: new Map([
      ['a', { depth: 2, oldest: pressedAt(90_000) }],
      ['x', { depth: 3, oldest: pressedAt(40_000) }],
      ['y', { depth: 4, oldest: pressedAt(70_000) }],
    ]),
    held: new Map(),
    unchained: { count: 0, oldestAt: null },
    groups: [{ id: 'a', project: 'shop', group: 'has "quotes"\nand lines' }],
    enrolled: new Map([
      ['a', 1],
      ['y', 5],
    ]),
  };
  const online = new Map([
    ['a', 1],
    ['x', 7],
  ]);
  const scraped = async (now: number) => {
    gauges.fill(reading, online, now);
    return parseMetrics(await registry.metrics());
  };
  const families = await scraped(100_000);
  const named = { project: 'shop', group: 'has "quotes"\nand lines' };
  const others = { project: '_other', group: '_other' };
  expect(valueOf(families, 'wayside_queued_runs', named)).toBe(2);
  expect(valueOf(families, 'wayside_queued_runs', others)).toBe(7);
  expect(valueOf(families, 'wayside_queue_oldest_age_seconds', named)).toBe(10);
  expect(valueOf(families, 'wayside_queue_oldest_age_seconds', others)).toBe(60);
  expect(valueOf(families, 'wayside_agents_online', others)).toBe(7);
  expect(valueOf(families, 'wayside_agents_enrolled', others)).toBe(5);
  const later = await scraped(161_000);
  expect(later.get('wayside_queued_runs')?.samples).toEqual([]);
  expect(valueOf(later, 'wayside_agents_online', named)).toBe(1);
});
