// What goes wrong in a simulated world, and when: everything that the plan of a seed may hold.
import type { AgentMachine } from './agent-machine.ts';
import type { Chance } from './chance.ts';
import type { ServerMachine } from './server-machine.ts';
import type { World } from './world.ts';

interface Fault {
  readonly name: string;
  readonly weight: number;
  readonly strike: (world: World, chance: Chance) => void;
}

const someAgent = (world: World, chance: Chance): AgentMachine => chance.pick(world.agents);
const someServer = (world: World, chance: Chance): ServerMachine => chance.pick(world.servers);

/** From a blink to longer than any lease. */
const while_ = (chance: Chance): number => chance.seldom(50, 60_000);

const faults: readonly Fault[] = [
  {
    name: 'agent killed',
    weight: 4,
    strike: (world, chance) => {
      const agent = someAgent(world, chance);
      agent.kill();
      world.time.after(null, chance.seldom(20, 30_000), () => agent.start());
    },
  },
  {
    name: 'power of an agent lost',
    weight: 4,
    strike: (world, chance) => {
      const agent = someAgent(world, chance);
      agent.losePower();
      world.time.after(null, chance.seldom(500, 40_000), () => agent.start());
    },
  },
  {
    name: 'agent to be killed at a point',
    weight: 4,
    strike: (world, chance) => {
      const agent = someAgent(world, chance);
      agent.dieAtPoint(chance.between(1, 12));
      world.time.after(null, chance.within(10_000, 30_000), () => agent.start());
    },
  },
  {
    name: 'agent paused',
    weight: 4,
    strike: (world, chance) => someAgent(world, chance).pause(while_(chance)),
  },
  {
    name: 'server killed',
    weight: 4,
    strike: (world, chance) => {
      const server = someServer(world, chance);
      server.kill();
      world.time.after(null, chance.seldom(20, 20_000), () => server.start());
    },
  },
  {
    name: 'server to be killed at a point',
    weight: 5,
    strike: (world, chance) => {
      const server = someServer(world, chance);
      server.dieAtPoint(chance.between(1, 8));
      world.time.after(null, chance.within(5_000, 30_000), () => server.start());
    },
  },
  {
    name: 'server stopped in order',
    weight: 2,
    strike: (world, chance) => {
      const server = someServer(world, chance);
      server.stop();
      world.time.after(null, chance.within(3_000, 10_000), () => server.start());
    },
  },
  {
    name: 'server paused',
    weight: 4,
    strike: (world, chance) => someServer(world, chance).pause(while_(chance)),
  },
  {
    name: 'connections cut',
    weight: 4,
    strike: (world, chance) => {
      for (const wire of someAgent(world, chance).wires) wire.cut();
    },
  },
  {
    name: 'half-open connection',
    weight: 5,
    strike: (world, chance) => {
      const agent = someAgent(world, chance);
      const way = chance.between(1, 3);
      if (way !== 1) agent.link.upHeld = true;
      if (way !== 2) agent.link.downHeld = true;
      world.time.after(null, while_(chance), () => {
        agent.link.upHeld = false;
        agent.link.downHeld = false;
        for (const wire of agent.wires) wire.heal();
      });
    },
  },
  {
    name: 'flapping network',
    weight: 2,
    strike: (world, chance) => {
      const agent = someAgent(world, chance);
      for (let n = 0; n < 5; n += 1) {
        world.time.after(null, chance.within(0, 8_000), () => {
          for (const wire of agent.wires) wire.cut();
        });
      }
    },
  },
  {
    name: 'slow network',
    weight: 3,
    strike: (world, chance) => {
      someAgent(world, chance).link.slowMs = chance.pick([50, 400, 3_000, 12_000]);
    },
  },
  {
    name: 'broken proxy',
    weight: 3,
    strike: (world, chance) => {
      const { link } = someAgent(world, chance);
      link.loses = chance.pick([0, 0.05, 0.2]);
      link.doubles = chance.pick([0, 0.1, 0.4]);
      link.reorders = chance.pick([0, 0.1, 0.4]);
    },
  },
  {
    name: 'clock of an agent set',
    weight: 3,
    strike: (world, chance) => {
      someAgent(world, chance).aheadMs += Math.round(chance.pick([1, -1]) * chance.seldom(100, 7_200_000));
    },
  },
  {
    name: 'clock of a server set',
    weight: 2,
    strike: (world, chance) => {
      someServer(world, chance).aheadMs += Math.round(chance.pick([1, -1]) * chance.seldom(100, 300_000));
    },
  },
  {
    name: 'clock of the database set',
    weight: 2,
    strike: (world, chance) => {
      world.databaseAheadMs += Math.round(chance.seldom(100, 40_000));
    },
  },
  {
    name: 'disk of an agent full',
    weight: 3,
    strike: (world, chance) => {
      const { disk } = someAgent(world, chance);
      disk.full = true;
      world.time.after(null, chance.seldom(100, 20_000), () => {
        disk.full = false;
      });
    },
  },
  {
    name: 'slow disk of an agent',
    weight: 2,
    strike: (world, chance) => {
      someAgent(world, chance).disk.slowMs = chance.pick([50, 500, 15_000]);
    },
  },
  {
    name: 'slow database',
    weight: 3,
    strike: ({ database, time }, chance) => {
      database.mood.slowMs = chance.pick([30, 300, 3_000]);
      time.after(null, chance.within(1_000, 20_000), () => {
        database.mood.slowMs = 3;
      });
    },
  },
  {
    name: 'database away',
    weight: 3,
    strike: ({ database, time }, chance) => {
      database.mood.away = true;
      time.after(null, chance.seldom(50, 10_000), () => {
        database.mood.away = false;
      });
    },
  },
  {
    name: 'answers of the database lost',
    weight: 3,
    strike: ({ database, time }, chance) => {
      database.mood.losesAnswers = chance.pick([0.05, 0.3, 1]);
      time.after(null, chance.seldom(50, 10_000), () => {
        database.mood.losesAnswers = 0;
      });
    },
  },
  {
    name: 'agent drained',
    weight: 2,
    strike: (world, chance) => {
      const agent = someAgent(world, chance);
      agent.drain();
      for (const ms of [12_000, 25_000]) world.time.after(null, ms, () => agent.start());
    },
  },
];

const weights = faults.reduce((sum, { weight }) => sum + weight, 0);

/** Something goes wrong. */
export function strike(world: World, chance: Chance): void {
  let place = chance.within(0, weights);
  const fault = faults.find(({ weight }) => (place -= weight) < 0);
  if (fault === undefined) return;
  world.count(fault.name);
  world.trace.say(world.time.now, `FAULT ${fault.name}`);
  fault.strike(world, chance);
}

/** Everything is well again: what is dead starts, what was held arrives, clocks are right. */
export function heal(world: World): void {
  world.trace.say(world.time.now, 'everything heals');
  Object.assign(world.database.mood, { slowMs: 3, losesAnswers: 0, away: false });
  for (const server of world.servers) {
    server.heal();
    server.start();
  }
  for (const agent of world.agents) {
    agent.heal();
    agent.disk.slowMs = 4;
    agent.start();
  }
}
