// One simulation from its seed to its verdict: a world, presses and faults for a while, then everything heals, and
// when every run has come to its end the judge looks at what is left.
import { agentNames, template } from './template.ts';
import { chanceOf } from './chance.ts';
import type { Chance } from './chance.ts';
import { heal, strike } from './faults.ts';
import { judge } from './judge.ts';
import { World } from './world.ts';

export interface Simulated {
  readonly seed: number;
  /** Of everything that happened, in order. */
  readonly hash: string;
  /** Empty where everything is as it must be. */
  readonly violations: readonly string[];
  readonly faults: ReadonlyMap<string, number>;
  readonly runs: number;
  readonly executions: number;
  readonly events: number;
  readonly commits: number;
  /** How long it took in the simulated world, ms. */
  readonly lasted: number;
  readonly trace: readonly string[];
}

/** Longer than every timeout, lease, backoff and grace together. */
const healedMsMax = 1_800_000;
/** How long is looked on after the last run has ended, for what begins too late. */
const afterwardsMs = 15_000;

export async function simulate(
  seed: number,
  { keepTrace = false }: { readonly keepTrace?: boolean } = {},
): Promise<Simulated> {
  const plan = chanceOf(seed ^ 0x5bd1e995);
  const world = new World({
    ...{ seed, keepTrace, template: await template() },
    servers: plan.happens(0.5) ? 1 : 2,
    agents: agentNames.slice(0, plan.between(1, agentNames.length)).map(() => ({
      concurrency: plan.between(1, 3),
    })),
  });
  const { time } = world;
  for (const machine of [...world.servers, ...world.agents]) {
    time.after(null, plan.within(0, 50), () => machine.start());
  }
  const troubledMs = plan.within(5_000, 60_000);
  planPresses(world, plan, troubledMs);
  planFaults(world, plan, troubledMs);
  await time.runUntil(troubledMs);
  heal(world);
  await untilEnded(world);
  await time.runUntil(time.now + afterwardsMs);
  judge(world);
  world.database.close();
  return {
    seed,
    hash: world.trace.hash(),
    violations: world.violations,
    faults: world.faults,
    runs: world.presses.length,
    executions: world.ledger.executions.length,
    events: time.events,
    commits: world.database.commits,
    lasted: time.now,
    trace: world.trace.lines,
  };
}

function planPresses(world: World, plan: Chance, troubledMs: number): void {
  const count = plan.between(3, 14);
  for (let n = 0; n < count; n += 1) {
    world.time.after(null, plan.within(500, troubledMs), () => press(world, plan));
  }
}

function press(world: World, plan: Chance): void {
  const { time, trace } = world;
  const action = plan.pick(world.template.actions);
  const server = plan.pick(world.servers);
  const made = { action: action.name, run: null as string | null, canceledAt: null as number | null };
  world.presses.push(made);
  const expires = plan.happens(0.1) ? { expires_in_ms: plan.between(1_000, 20_000) } : {};
  const cancelAfter = plan.happens(0.25) ? plan.seldom(1, 20_000) : null;
  trace.say(time.now, `somebody presses ${action.name} at ${server.name}`);
  void server.press(action, { priority: plan.between(0, 2), ...expires }).then((run) => {
    if (run === null) return;
    made.run = run;
    trace.say(time.now, `the press of ${trace.nameOf(run)} is acknowledged`);
    if (cancelAfter !== null) time.after(null, cancelAfter, () => cancel(world, plan, made));
  });
}

function cancel(world: World, plan: Chance, made: World['presses'][number]): void {
  const { time, trace } = world;
  const { run } = made;
  if (run === null) return;
  trace.say(time.now, `somebody cancels ${trace.nameOf(run)}`);
  void plan
    .pick(world.servers)
    .cancel(run)
    .then((answer) => {
      if (answer === 'canceled') made.canceledAt = time.now;
    });
}

function planFaults(world: World, plan: Chance, troubledMs: number): void {
  // One seed in ten is peaceful: what works only under faults does not work.
  const count = plan.happens(0.1) ? 0 : plan.between(1, 14);
  for (let n = 0; n < count; n += 1) {
    world.time.after(null, plan.within(300, troubledMs), () => strike(world, plan));
  }
}

/** Until every run has its verdict, every late report has come, and nobody has anything in hand. */
async function untilEnded(world: World): Promise<void> {
  const { time, database, agents, servers } = world;
  const limit = time.now + healedMsMax;
  while (time.now < limit) {
    await time.runUntil(time.now + 1_000);
    const [row] = database.look(
      "select count(*) as open from runs where state in ('queued', 'offered', 'running')",
    );
    // Whatever ends late, because it was told to before everything healed, starts again.
    for (const machine of [...servers, ...agents]) machine.start();
    const stuck = database.look("select id from runs where state = 'indeterminate' and released_by is null");
    for (const { id } of stuck) void servers[0]?.release(String(id));
    if (row?.['open'] === 0 && agents.every(({ inHand, isConnected }) => inHand === 0 && isConnected)) return;
  }
  const state = agents.map(
    ({ name, inHand, isConnected }) => `${name} has ${inHand}, ${isConnected ? 'connected' : 'away'}`,
  );
  world.broke(`not everything has come to its end: ${state.join('; ')}`, null);
}
