// How a simulated agent reaches a server: the way of agent/dial.ts without TLS, with its pulse and its watchdog.
import type { Closed, Connection, DialOptions } from '../../agent/dial.ts';
import { Failure } from '../../protocol/failures.ts';
import { closeCodes, parseServerFrame } from '../../protocol/frames.ts';
import { agentWatchdogMs, connectMsMax, heartbeatMs, helloMsMax } from '../../protocol/limits.ts';
import type { AgentMachine } from './agent-machine.ts';
import type { Actor } from './time.ts';
import { Wire } from './wire.ts';
import type { End } from './wire.ts';
import type { World } from './world.ts';

interface Dialling {
  readonly machine: AgentMachine;
  readonly actor: Actor;
  readonly options: DialOptions;
}

export function dialIn(world: World, { machine, actor, options }: Dialling): Connection {
  let end: End | null = null;
  let isOver = false;
  const over = (closed: Partial<Closed>): void => {
    if (isOver) return;
    isOver = true;
    options.closed({ code: 1006, failure: null, retryAfterMs: null, welcomedMs: 0, ...closed });
  };
  void connect(world, { machine, actor }).then((answer) => {
    if (!actor.alive || isOver) return;
    if (answer instanceof Failure) return over({ failure: answer });
    end = answer;
    listen(world, { end, actor, options, over });
  });
  return {
    number: options.number,
    send(text) {
      if (end?.readyState !== 1) return false;
      end.send(text);
      return true;
    },
    close(code, reason) {
      if (end === null) return over({ code });
      const closing = end;
      closing.close(code, reason);
      world.time.after(actor, helloMsMax / 5, () => closing.terminate());
    },
    pause: () => end?.pause(),
    resume: () => end?.resume(),
  };
}

/** Resolves when the WebSocket is open, or with why it is not. */
function connect(
  world: World,
  { machine, actor }: Pick<Dialling, 'machine' | 'actor'>,
): Promise<End | Failure> {
  const { time, chance } = world;
  const { link } = machine;
  return new Promise((resolve) => {
    const fail = (ms: number, code: 'unreachable' | 'timed_out'): void => {
      time.after(actor, ms, () => resolve(new Failure(code, 'The control plane could not be reached.')));
    };
    const server = chance.pick(world.servers);
    if (link.upHeld || link.downHeld) return fail(connectMsMax, 'timed_out');
    if (!server.isUp) return fail(chance.within(1, 20), 'unreachable');
    time.after(null, chance.seldom(0.5, link.slowMs * 3), () => {
      const process = server.actor;
      if (process === null || !server.isUp) return fail(1, 'unreachable');
      const wire = new Wire(world.wires, { agent: actor, server: process, link });
      machine.wires.add(wire);
      for (const old of machine.wires) if (old.isOver) machine.wires.delete(old);
      let answered = false;
      time.after(actor, connectMsMax, () => {
        if (answered) return;
        answered = true;
        wire.agent.reset();
        resolve(new Failure('timed_out', 'No answer came.'));
      });
      time.after(process, 0, () => {
        void server.admit(machine.agent, wire.server).then((failure) => {
          time.after(actor, chance.seldom(0.1, link.slowMs), () => {
            if (answered) return;
            answered = true;
            resolve(failure ?? wire.agent);
          });
        });
      });
    });
  });
}

function listen(
  world: World,
  {
    end,
    actor,
    options,
    over,
  }: {
    readonly end: End;
    readonly actor: Actor;
    readonly options: DialOptions;
    readonly over: (closed: Partial<Closed>) => void;
  },
): void {
  const { time } = world;
  const { clock } = options;
  let failure: Failure | null = null;
  let retryAfterMs: number | null = null;
  let welcomedAt: number | null = null;
  let heardAt = clock.boot();
  const heard = (): void => {
    heardAt = clock.boot();
  };
  const beat = (): void => {
    if (clock.boot() - heardAt > agentWatchdogMs) return end.terminate();
    if (end.readyState !== 1) return;
    end.ping();
    end.send(`{"type":"heartbeat","journal_counter":${options.journalCounter()},"now":${clock.now()}}`);
    time.after(actor, heartbeatMs, beat);
  };
  end.on('ping', heard);
  end.on('pong', heard);
  end.on('message', (data: Buffer) => {
    heard();
    try {
      const frame = parseServerFrame(data.toString('utf8'));
      if (frame.type === 'welcome') {
        welcomedAt = clock.boot();
        time.after(actor, heartbeatMs, beat);
      }
      if (frame.type === 'reject') retryAfterMs = frame.retry_after_ms;
      options.frame(frame);
    } catch (cause) {
      failure ??=
        cause instanceof Failure ? cause : new Failure('protocol_error', 'A frame could not be read.');
      end.close(closeCodes.protocol_error, 'protocol_error');
    }
  });
  end.on('close', (code: number) => {
    const welcomedMs = welcomedAt === null ? 0 : clock.boot() - welcomedAt;
    over({ code, failure, retryAfterMs, welcomedMs });
  });
  time.after(actor, helloMsMax, () => {
    if (welcomedAt === null) end.terminate();
  });
  if (end.readyState === 3) return over({});
  options.opened();
}
