// The same writes over HTTP, with their audit events and without, in turns: a client in a thread of its own changes
// variables through the real routes, and the control plane beside it is the same but for one step of each unit.
import process from 'node:process';
import { Worker } from 'node:worker_threads';
import { pino } from 'pino';
import type { Audit } from '../control-plane/audit/audit.ts';
import { openAuthority } from '../control-plane/authority/authority.ts';
import { systemClock } from '../control-plane/channel/clock.ts';
import { openApp } from '../control-plane/http/app.ts';
import { initialize } from '../control-plane/organizations/initialize.ts';
import type { Step, Store } from '../control-plane/store/store.ts';
import { variableRoutes } from '../control-plane/variables/routes.ts';
import { openBenchStore } from './audit-store.ts';
import type { BenchStore } from './audit-store.ts';
import { percentile, rounded } from './figures.ts';
import type { WriteOrder } from './probes/write-variables.ts';

const ROUNDS = 9;
const CONNECTIONS = 32;

export interface AuditedWrites {
  /** The time of audited writes to that of bare ones: the median over pairs of neighbouring rounds. */
  readonly ratio: number;
  /** The same of processor time. */
  readonly ratio_cpu: number;
  readonly audited_writes_per_second: number;
  readonly bare_writes_per_second: number;
  /** Of one write. */
  readonly audited_cpu_microseconds: number;
  readonly bare_cpu_microseconds: number;
}

/** `writes` changes in each round; an odd round is audited, an even one is not. */
export async function benchAuditedWrites(writes: number): Promise<AuditedWrites> {
  const opened = await openBenchStore();
  try {
    const { store, audit } = opened;
    const token = await initialize({ store, audit });
    await using audited = await serve(opened, { audit, token });
    await using bare = await serve(opened, { audit: withoutEvents(audit, store), token });
    // Compiled code and caches are warm before anything counts.
    for (const { run } of [audited, bare]) await run(writes);
    const pairs: { readonly audited: Cost; readonly bare: Cost }[] = [];
    for (let round = 0; round < ROUNDS; round += 1) {
      // Whoever is first has a quieter machine, or a busier one: they take turns at that, too.
      const first = round % 2 === 0 ? audited : bare;
      const second = round % 2 === 0 ? bare : audited;
      const times = [await first.run(writes), await second.run(writes)] as const;
      pairs.push(
        round % 2 === 0 ? { audited: times[0], bare: times[1] } : { audited: times[1], bare: times[0] },
      );
    }
    const median = (of: (pair: (typeof pairs)[number]) => number) => percentile(pairs.map(of), 0.5);
    return {
      ratio: rounded(
        median(({ audited, bare }) => audited.ms / bare.ms),
        3,
      ),
      ratio_cpu: rounded(
        median(({ audited, bare }) => audited.cpuMs / bare.cpuMs),
        3,
      ),
      audited_writes_per_second: Math.round((writes / median(({ audited }) => audited.ms)) * 1_000),
      bare_writes_per_second: Math.round((writes / median(({ bare }) => bare.ms)) * 1_000),
      audited_cpu_microseconds: Math.round((median(({ audited }) => audited.cpuMs) * 1_000) / writes),
      bare_cpu_microseconds: Math.round((median(({ bare }) => bare.cpuMs) * 1_000) / writes),
    };
  } finally {
    await opened.close();
  }
}

/** In the place of each event stands a statement that reads nothing. */
function withoutEvents(audit: Audit, store: Store): Audit {
  const nothing: Step = {
    query: store.db.selectFrom('store_meta').select('name').where('name', '=', '').compile(),
  };
  return { ...audit, step: () => nothing };
}

interface Served extends AsyncDisposable {
  run(writes: number): Promise<Cost>;
}

/** Of a number of writes. */
interface Cost {
  readonly ms: number;
  /** Of all threads of this process, the client's included: other programs on the machine do not touch it. */
  readonly cpuMs: number;
}

async function serve(
  { store, secrets }: BenchStore,
  { audit, token }: { readonly audit: Audit; readonly token: string },
): Promise<Served> {
  const clock = systemClock();
  const authority = await openAuthority(store, clock);
  const app = await openApp({
    authority,
    log: pino({ level: 'silent' }),
    requestsPerMinute: Number.MAX_SAFE_INTEGER,
    version: '0',
    tls: null,
    unauthenticated: () => undefined,
  });
  variableRoutes(app, { store, secrets, audit, authority, denied: () => Promise.resolve() });
  const url = await app.listen({ host: '127.0.0.1', port: 0 });
  const client = new Worker(new URL('./probes/write-variables.ts', import.meta.url));
  const ask = (writes: number) =>
    new Promise<void>((resolve, reject) => {
      client.removeAllListeners();
      client.once('message', resolve);
      client.once('error', reject);
      client.postMessage({ url, token, writes, connections: CONNECTIONS } satisfies WriteOrder);
    });
  return {
    run: async (writes) => {
      const start = performance.now();
      const used = process.cpuUsage();
      await ask(writes);
      // Chaining and signing belong to what auditing costs; without events there is nothing to do.
      await audit.settle();
      const { user, system } = process.cpuUsage(used);
      return { ms: performance.now() - start, cpuMs: (user + system) / 1_000 };
    },
    [Symbol.asyncDispose]: async () => {
      await client.terminate();
      await app.close();
    },
  };
}
