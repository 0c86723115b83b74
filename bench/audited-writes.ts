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

const ROUNDS = 11;
const CONNECTIONS = 32;

export interface AuditedWrites {
  /** The time of audited writes to that of bare ones, with as many writers as the machine can serve. */
  readonly ratio: number;
  /** The same where one writer waits for each of its writes. */
  readonly ratio_alone: number;
  /** The same of processor time. */
  readonly ratio_cpu: number;
  readonly audited_writes_per_second: number;
  readonly bare_writes_per_second: number;
  /** Of one write. */
  readonly audited_cpu_microseconds: number;
  readonly bare_cpu_microseconds: number;
}

/** `writes` changes in each round of either kind. */
export async function benchAuditedWrites(writes: number): Promise<AuditedWrites> {
  const opened = await openBenchStore();
  try {
    const { store, audit } = opened;
    const token = await initialize({ store, audit });
    await using audited = await serve(opened, { audit, token });
    await using bare = await serve(opened, { audit: withoutEvents(audit, store), token });
    // Compiled code and caches are warm before anything counts.
    for (const { run } of [audited, bare]) await run({ writes, connections: CONNECTIONS });
    const many = await compare({ audited, bare }, { writes, connections: CONNECTIONS });
    const alone = await compare({ audited, bare }, { writes: Math.ceil(writes / 10), connections: 1 });
    return { ...figuresOf(many, writes), ratio_alone: rounded(alone.audited.ms / alone.bare.ms, 3) };
  } finally {
    await opened.close();
  }
}

interface Costs {
  readonly audited: Cost;
  readonly bare: Cost;
}

/** Of each the round in the middle. */
async function compare(
  servers: { readonly audited: Served; readonly bare: Served },
  load: Load,
): Promise<Costs> {
  const costs = { audited: [] as Cost[], bare: [] as Cost[] };
  for (let round = 0; round < ROUNDS; round += 1) {
    // Whoever is first has a quieter machine, or a busier one: they take turns at that, too.
    const kinds = round % 2 === 0 ? (['audited', 'bare'] as const) : (['bare', 'audited'] as const);
    for (const kind of kinds) costs[kind].push(await servers[kind].run(load));
  }
  return { audited: middle(costs.audited), bare: middle(costs.bare) };
}

function middle(costs: readonly Cost[]): Cost {
  const of = (measure: keyof Cost) =>
    percentile(
      costs.map((cost) => cost[measure]),
      0.5,
    );
  return { ms: of('ms'), cpuMs: of('cpuMs') };
}

function figuresOf({ audited, bare }: Costs, writes: number): Omit<AuditedWrites, 'ratio_alone'> {
  return {
    ratio: rounded(audited.ms / bare.ms, 3),
    ratio_cpu: rounded(audited.cpuMs / bare.cpuMs, 3),
    audited_writes_per_second: Math.round((writes / audited.ms) * 1_000),
    bare_writes_per_second: Math.round((writes / bare.ms) * 1_000),
    audited_cpu_microseconds: Math.round((audited.cpuMs * 1_000) / writes),
    bare_cpu_microseconds: Math.round((bare.cpuMs * 1_000) / writes),
  };
}

/** In the place of each event stands a statement that reads nothing. */
function withoutEvents(audit: Audit, store: Store): Audit {
  const nothing: Step = {
    query: store.db.selectFrom('store_meta').select('name').where('name', '=', '').compile(),
  };
  return { ...audit, step: () => nothing };
}

interface Served extends AsyncDisposable {
  run(load: Load): Promise<Cost>;
}

type Load = Pick<WriteOrder, 'writes' | 'connections'>;

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
  const ask = (load: Load) =>
    new Promise<void>((resolve, reject) => {
      client.removeAllListeners();
      client.once('message', resolve);
      client.once('error', reject);
      client.postMessage({ url, token, ...load } satisfies WriteOrder);
    });
  return {
    run: async (load) => {
      const start = performance.now();
      const used = process.cpuUsage();
      await ask(load);
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
