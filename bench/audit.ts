// What the record costs and how fast it is verified: the same writes over HTTP with and without their events, in turns,
// against the limit of a fifth; and a trail of many events that is verified as `wayside audit verify` does it.
import process from 'node:process';
import type { Audit } from '../control-plane/audit/audit.ts';
import { step } from '../control-plane/store/step.ts';
import { openBenchStore } from './audit-store.ts';
import type { BenchStore } from './audit-store.ts';
import { benchAuditedWrites } from './audited-writes.ts';
import { percentile, rounded } from './figures.ts';
import type { BenchOptions, Figures } from './figures.ts';

const EVENTS_PER_SECOND_MIN = 200_000;
const RATIO_MAX = 1.2;
const VERIFY_ROUNDS = 5;
const EVENTS_PER_UNIT = 500;
const ORGANIZATION = '01900000-0000-7000-8000-000000000001';

/** `ratio` is how long the audited writes took to how long the bare ones did; verifying has a limit of its own. */
export async function benchAudit(options: BenchOptions): Promise<Figures> {
  const verify = await benchVerify(options.events);
  const writes = await benchAuditedWrites(options.writes);
  return {
    ...verify,
    ...writes,
    limits: { ratio: RATIO_MAX, events_per_second: EVENTS_PER_SECOND_MIN },
    holds: writes.ratio <= RATIO_MAX && verify.events_per_second >= EVENTS_PER_SECOND_MIN,
  };
}

async function benchVerify(events: number) {
  const opened = await openBenchStore();
  try {
    const { store, audit } = opened;
    const organization = { id: ORGANIZATION, name: 'bench', created_at: 1, policy_revision: 1 };
    await store.write([step(store.db.insertInto('organizations').values({ ...organization }))]);
    await fill(opened, events);
    const speeds: number[] = [];
    const costs: number[] = [];
    for (let round = 0; round < VERIFY_ROUNDS; round += 1) {
      const start = performance.now();
      const used = process.cpuUsage();
      const verdict = await audit.verify(ORGANIZATION);
      if (!verdict.valid || verdict.events !== events)
        throw new Error(verdict.problem ?? 'events are missing');
      speeds.push((events / (performance.now() - start)) * 1_000);
      const { user, system } = process.cpuUsage(used);
      costs.push((user + system) / events);
    }
    return {
      events,
      events_per_second: Math.round(percentile(speeds, 0.5)),
      // Of all threads together: what the machine does besides does not touch it.
      cpu_microseconds_per_event: rounded(percentile(costs, 0.5)),
      events_per_second_best: Math.round(percentile(speeds, 1)),
      megabytes_per_second: rounded((percentile(speeds, 0.5) * eventBytes()) / 1_000_000, 1),
    };
  } finally {
    await opened.close();
  }
}

/** As large as the events of presses. */
function benchEvent(index: number): Parameters<Audit['step']>[0] {
  return {
    organization: ORGANIZATION,
    principal: { id: '01900000-0000-7000-8000-00000000000a', name: 'ada', kind: 'user' },
    operation: 'run.start',
    permission: 'wayside.run.start',
    resource: `projects/01900000-0000-7000-8000-00000000000b/runs/01900000-0000-7000-8000-00000000000c`,
    result: 'allowed',
    decision: '01900000-0000-7000-8000-00000000000d',
    details: { action: 'promote', sequence: index, attempt: 0, trace: { matched: ORGANIZATION, policy: 12 } },
    request: {
      id: '01900000-0000-7000-8000-00000000000e',
      method: 'POST',
      path: '/v1/projects/default/actions/promote/runs',
      ip: '127.0.0.1',
      user_agent: 'wayside/0.1.0',
      credential: { kind: 'personal_token', id: ORGANIZATION },
    },
  };
}

function eventBytes(): number {
  return JSON.stringify(benchEvent(1)).length;
}

async function fill({ store, audit }: BenchStore, events: number): Promise<void> {
  for (let written = 0; written < events;) {
    const count = Math.min(EVENTS_PER_UNIT, events - written);
    const from = written;
    await store.write(Array.from({ length: count }, (_, index) => audit.step(benchEvent(from + index))));
    written += count;
  }
  await audit.settle();
}
