// `npm run soak`: control planes, PostgreSQL, agents and their networks are killed, cut and slowed at once, for as long
// as it is told, while buttons are pressed. Prints how it goes and one JSON line; ends with 1 where anything is a lie.
import process from 'node:process';
import { setTimeout as delay } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { runCli } from '../test/support/cli.ts';
import { openPresser } from '../test/support/presser.ts';
import type { Presser } from '../test/support/presser.ts';
import { openReplicas } from '../test/support/replicas.ts';
import type { Replicas } from '../test/support/replicas.ts';
import { seeded } from '../test/support/seeded.ts';
import type { Seeded } from '../test/support/seeded.ts';
import { copySources, quickNetwork } from '../test/support/sources.ts';
import type { AgentProcess } from '../test/support/system.ts';
import type { TcpProxy } from '../test/support/tcp-proxy.ts';
import { faultyFile, lies, natures } from '../test/support/truth.ts';

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '300' },
    seed: { type: 'string' },
    servers: { type: 'string', default: '3' },
    agents: { type: 'string', default: '4' },
    engine: { type: 'string', default: 'postgres' },
  },
});
const seconds = Number(values.seconds);
const servers = values.engine === 'sqlite' ? 1 : Number(values.servers);
/** So many presses are under way at once. */
const pressersAtOnce = 4;
const settleMsMax = 180_000;
const startsMax = 20;
const leaveMsMax = 60_000;
const sayEveryMs = 10_000;

interface Soaked {
  readonly replicas: Replicas;
  readonly chance: Seeded;
  readonly agents: { process: AgentProcess; readonly network: TcpProxy }[];
  readonly troubles: Map<string, number>;
}

const actions = Object.keys(natures).filter((name) => name !== 'spaced');

type Trouble = (soaked: Soaked) => Promise<void>;

/** One of each at a time; what it ends it starts again. */
const troubles: Readonly<Record<string, Trouble>> = {
  async server({ replicas, chance }) {
    const index = chance.between(0, servers - 1);
    const isAsked = chance.next() < 0.2;
    const leaving = replicas.server(index).kill(isAsked ? 'SIGTERM' : 'SIGKILL');
    if ((await Promise.race([leaving, delay(leaveMsMax, null, { ref: false })])) === null) {
      throw new Error(`control plane ${index} was asked to end and lives on`);
    }
    await delay(chance.between(0, 2_000));
    await supervise(replicas, index);
  },
  async database({ replicas: { database }, chance }) {
    // Rarer than the others: while it is away there is little that they could disturb.
    await delay(chance.between(2_000, 10_000));
    await database?.kill();
    await delay(chance.between(100, 4_000));
    await database?.start();
  },
  async databaseNetwork({ replicas: { databaseNetwork }, chance }) {
    databaseNetwork?.setDelay(chance.between(0, 50));
    if (chance.next() < 0.3) databaseNetwork?.cut();
    await delay(chance.between(500, 3_000));
    databaseNetwork?.setDelay(0);
  },
  async agent(soaked) {
    const agent = soaked.chance.pick(soaked.agents);
    await agent.process.kill('SIGKILL');
    await delay(soaked.chance.between(0, 1_000));
    agent.process = await launch(soaked.replicas, agent.process.name, agent.network);
  },
  async cut({ agents, chance }) {
    const { network } = chance.pick(agents);
    for (let times = chance.between(1, 5); times > 0; times -= 1) {
      network.cut();
      await delay(chance.between(20, 400));
    }
  },
  async silence({ agents, chance }) {
    const { network } = chance.pick(agents);
    network.halfOpen();
    await delay(chance.between(200, 6_000));
    network.heal();
  },
  async slowness({ agents, chance }) {
    const { network } = chance.pick(agents);
    network.setDelay(chance.between(20, 300));
    network.setBandwidth(chance.between(20_000, 200_000));
    await delay(chance.between(1_000, 4_000));
    network.setDelay(0);
    network.setBandwidth(null);
  },
};

/** As a supervisor does: a start that finds no database ends, and is tried again. */
async function supervise(replicas: Replicas, index: number): Promise<void> {
  for (let tries = 1; ; tries += 1) {
    try {
      await replicas.start(index);
      return;
    } catch (cause) {
      if (tries >= startsMax) throw cause;
      process.stderr.write(`control plane ${index} was not ready: ${String(cause).slice(-300)}\n`);
      if (replicas.server(index).isAlive()) await replicas.server(index).kill();
      await delay(500);
    }
  }
}

function launch(replicas: Replicas, name: string, network: TcpProxy): Promise<AgentProcess> {
  return replicas.system.launchAgent(name, {
    hcl: faultyFile(replicas.system),
    agentPort: network.port,
  });
}

async function gather(replicas: Replicas, chance: Seeded): Promise<Soaked> {
  const agents: Soaked['agents'] = [];
  for (let index = 0; index < Number(values.agents); index += 1) {
    const network = await replicas.openNetwork({ first: index % servers });
    const agent = await launch(replicas, `agent-${index}`, network);
    await agent.connected();
    agents.push({ process: agent, network });
  }
  await replicas.system.publish();
  return { replicas, chance, agents, troubles: new Map() };
}

/** Presses and makes trouble until the time is over, and waits for what is under way. */
async function soak(soaked: Soaked, presser: Presser): Promise<void> {
  const { chance } = soaked;
  const deadline = performance.now() + seconds * 1_000;
  const isOver = (): boolean => performance.now() > deadline;
  const press = async (): Promise<void> => {
    while (!isOver()) {
      await presser.press(chance.pick(actions));
      await delay(chance.between(0, 250));
    }
  };
  const trouble = async ([name, make]: readonly [string, Trouble]): Promise<void> => {
    while (!isOver()) {
      await delay(chance.between(500, 6_000));
      await make(soaked);
      soaked.troubles.set(name, (soaked.troubles.get(name) ?? 0) + 1);
    }
  };
  const saying = setInterval(() => say(soaked, presser), sayEveryMs);
  try {
    await Promise.all([
      ...Array.from({ length: pressersAtOnce }, press),
      ...Object.entries(troubles).map(trouble),
    ]);
  } finally {
    clearInterval(saying);
  }
}

function say({ troubles: made, replicas }: Soaked, presser: Presser): void {
  const each = [...made].map(([name, count]) => `${name} ${count}`).join(', ');
  const executed = replicas.system.ledger.lines().length;
  process.stderr.write(
    `${presser.presses.size} runs accepted, ${executed} executions, ${presser.putOff} presses put off; ${each}\n`,
  );
}

async function main(): Promise<void> {
  const chance = seeded(values.seed === undefined ? undefined : Number(values.seed));
  process.stderr.write(`soaking for ${seconds} s: npm run soak -- --seed ${chance.seed}\n`);
  using sources = copySources(quickNetwork);
  await using replicas = await openReplicas({
    servers,
    engine: values.engine === 'sqlite' ? 'sqlite' : 'postgres',
    groups: ['main'],
    sources: sources.root,
  });
  const soaked = await gather(replicas, chance);
  const { system } = replicas;
  const presser = openPresser(system);
  await soak(soaked, presser);
  const problems = [
    ...(await lies(system, presser.presses, { agentDied: true, msMax: settleMsMax })),
    ...(await auditProblems(system)),
  ];
  for (const problem of problems) process.stderr.write(`${problem}\n`);
  const figures = {
    soak: seconds,
    seed: chance.seed,
    servers,
    agents: soaked.agents.length,
    engine: values.engine,
    runs: presser.presses.size,
    executions: system.ledger.lines().length,
    put_off: presser.putOff,
    troubles: Object.fromEntries(soaked.troubles),
    problems: problems.length,
  };
  process.stdout.write(`${JSON.stringify(figures)}\n`);
  if (problems.length > 0) process.exitCode = 1;
}

/** By the command that an operator would use. */
async function auditProblems(system: Replicas['system']): Promise<readonly string[]> {
  const verified = await runCli(system, ['audit', 'verify']);
  return verified.code === 0 ? [] : [`wayside audit verify ended with ${verified.code}: ${verified.stderr}`];
}

await main();
