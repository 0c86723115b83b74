// Several control planes over one PostgreSQL behind balancers of their own, killed and started again one by one. With a
// single one and no database it is a plain system, so that a trial runs over either.
import type { Program } from './processes.ts';
import { startPostgres } from './postgres-server.ts';
import type { PostgresServer } from './postgres-server.ts';
import { freePorts, System } from './system.ts';
import type { Ports, SystemOptions } from './system.ts';
import { openTcpProxy } from './tcp-proxy.ts';
import type { TcpProxy } from './tcp-proxy.ts';

export interface ReplicasOptions extends Pick<SystemOptions, 'sources' | 'options' | 'groups'> {
  /** How many control planes; more than one need PostgreSQL. */
  readonly servers: number;
  /** SQLite by default, or a PostgreSQL of its own. */
  readonly engine?: 'sqlite' | 'postgres';
}

export interface Replicas extends AsyncDisposable {
  /** Spoken to over the balancer, whoever is alive behind it. */
  readonly system: System;
  /** Null over SQLite. */
  readonly database: PostgresServer | null;
  /** Between the control planes and the database; null over SQLite. */
  readonly databaseNetwork: TcpProxy | null;
  /** Where the agents' port of each control plane is. */
  readonly agentPorts: readonly number[];
  server(index: number): Program;
  /** Starts it again on its ports. */
  start(index: number): Promise<void>;
  /** A network of its own for an agent: a balancer that can be cut, and says where its connections go. */
  openNetwork(options?: { readonly first?: number }): Promise<TcpProxy>;
}

/** Resolves when all of them listen. Throws where PostgreSQL is needed and cannot be started. */
export async function openReplicas(options: ReplicasOptions): Promise<Replicas> {
  await using opened = new AsyncDisposableStack();
  const { servers, engine = servers > 1 ? 'postgres' : 'sqlite', ...rest } = options;
  const database = engine === 'sqlite' ? null : await openDatabase(opened);
  const databaseNetwork = database === null ? null : opened.use(await openTcpProxy({ port: database.port }));
  const ports: Ports[] = [];
  while (ports.length < servers) ports.push(await freePorts());
  const networkOver = async (of: keyof Ports, first = 0): Promise<TcpProxy> =>
    openTcpProxy({ port: ports.map((each) => each[of]), first });
  const front = {
    api: opened.use(await networkOver('api')).port,
    agent: opened.use(await networkOver('agent')).port,
    enroll: opened.use(await networkOver('enroll')).port,
  };
  const [first] = ports;
  if (first === undefined) throw new Error('there must be at least one control plane');
  const system = opened.use(
    await System.open({
      ...rest,
      ports: first,
      front,
      ...(databaseNetwork === null ? {} : { environment: { DATABASE_URL: urlOver(databaseNetwork) } }),
    }),
  );
  const others: Program[] = [];
  const startOther = async (index: number): Promise<void> => {
    const its = ports[index];
    if (its === undefined) throw new Error(`there is no control plane ${index}`);
    const replica = await system.launchReplica(its);
    others[index - 1] = replica;
    await replica.said(/"ready":true/, { msMax: 60_000 });
  };
  for (let index = 1; index < servers; index += 1) await startOther(index);
  const closing = opened.move();
  return {
    system,
    database,
    databaseNetwork,
    agentPorts: ports.map(({ agent }) => agent),
    server(index) {
      const program = index === 0 ? system.server : others[index - 1];
      if (program === undefined) throw new Error(`there is no control plane ${index}`);
      return program;
    },
    start: (index) => (index === 0 ? system.startServer() : startOther(index)),
    async openNetwork({ first } = {}) {
      return closing.use(await networkOver('agent', first));
    },
    [Symbol.asyncDispose]: () => closing.disposeAsync(),
  };
}

async function openDatabase(opened: AsyncDisposableStack): Promise<PostgresServer> {
  const database = await startPostgres();
  if ('reasons' in database) throw new Error(database.reasons.join('\n'));
  opened.defer(() => database.close());
  return database;
}

function urlOver({ port }: TcpProxy): string {
  return `postgres://wayside@127.0.0.1:${port}/postgres`;
}
