// The gauges that are told by group. So many groups have labels of their own, the oldest ones, so that a series does not
// come and go; the others are told together.
import type { Gauge } from 'prom-client';
import { otherLabel } from './metric-names.ts';
import type { MetricName } from './metric-names.ts';
import { isOutdated } from './outdated.ts';
import { pressTimeOf } from './press-time.ts';
import type { Reading } from './readings.ts';

/** Makes a gauge of the list of metrics. */
export type MakeGauge = <Label extends string>(name: MetricName, labels: readonly Label[]) => Gauge<Label>;

type GroupGauge = Gauge<'project' | 'group'>;
type Combine = (one: number, other: number) => number;

const sum: Combine = (one, other) => one + other;

export interface GroupGauges {
  /** `online` is by group id. */
  fill(reading: Reading | null, online: ReadonlyMap<string, number>, now: number): void;
}

export function groupGauges(gauge: MakeGauge): GroupGauges {
  const labels = ['project', 'group'] as const;
  const depth = gauge('wayside_queued_runs', labels);
  const age = gauge('wayside_queue_oldest_age_seconds', labels);
  const online = gauge('wayside_agents_online', labels);
  const enrolled = gauge('wayside_agents_enrolled', labels);
  return {
    fill(reading, connected, now) {
      for (const each of [depth, age, online, enrolled]) each.reset();
      const known = reading?.groups ?? [];
      // Who is connected here is known without the database; names that are old are still names.
      setByGroup(online, known, connected, sum);
      if (reading === null || isOutdated(reading, now)) return;
      const queued = [...reading.queued];
      setByGroup(depth, known, new Map(queued.map(([id, of]) => [id, of.depth])), sum);
      const ages = queued.map(([id, of]) => [id, ageOf(of.oldest, now)] as const);
      setByGroup(age, known, new Map(ages), Math.max);
      setByGroup(enrolled, known, reading.enrolled, sum);
    },
  };
}

function ageOf(run: string, now: number): number {
  return Math.max(0, now - (pressTimeOf(run) ?? now)) / 1_000;
}

function setByGroup(
  gauge: GroupGauge,
  known: Reading['groups'],
  values: ReadonlyMap<string, number>,
  combine: Combine,
): void {
  const left = new Map(values);
  for (const { id, project, group } of known) {
    gauge.set({ project, group }, values.get(id) ?? 0);
    left.delete(id);
  }
  if (left.size === 0) return;
  gauge.set(
    { project: otherLabel, group: otherLabel },
    [...left.values()].reduce((soFar, each) => combine(soFar, each), 0),
  );
}
