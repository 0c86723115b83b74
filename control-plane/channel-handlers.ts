// What happens with an agent's frames: agents/ writes down who is there and what is advertised, runs/ does the rest.
import { Failure } from '../protocol/failures.ts';
import { heartbeatMs } from '../protocol/limits.ts';
import { authenticateAgent } from './agents/authenticate.ts';
import { isUnknownCertificate } from './agents/catch-up.ts';
import type { AgentsDeps } from './agents/contract.ts';
import { recordDefinitions, recordHello, welcomeOf } from './agents/record-hello.ts';
import { recordDrain, recordHeartbeat } from './agents/record-pulse.ts';
import { renewAgent } from './agents/renew.ts';
import type { ServerRow } from './agents/server-row.ts';
import type { HeadHandout } from './audit/hand-heads.ts';
import type { ChannelHandlers } from './channel/contract.ts';
import type { Runs } from './runs/open.ts';

/** Wires the two nouns to the listener, in the order that rules.md 2 asks for. */
export function channelHandlers(deps: {
  readonly agents: AgentsDeps;
  readonly runs: Runs;
  readonly heads: Pick<HeadHandout, 'welcome' | 'heard'>;
  readonly servers: Pick<ServerRow, 'gone'>;
}): ChannelHandlers {
  const { agents } = deps;
  const runs = deps.runs.channel;
  return {
    authenticate: (identity, certificate, remoteAddress) =>
      authenticateAgent(agents, identity, certificate, remoteAddress),
    async hello(connection, frame) {
      const hello = await recordHello(agents, connection, frame);
      const reconciled = await runs.reconcile(connection, frame);
      connection.send({
        ...welcomeOf(agents, connection, { hello, heartbeatMs, runs: [...reconciled.runs] }),
        store_incarnation: agents.store.incarnation,
        earlier_incarnations: [...(await deps.runs.parts.lives()).asked],
        ...(await deps.heads.welcome(connection)),
      });
      await deps.heads.heard(connection, frame);
      if (await isUnknownCertificate(agents, connection)) connection.send({ type: 'rotate' });
      reconciled.ready();
    },
    async frame(connection, frame) {
      if (frame.type === 'definitions') await recordDefinitions(agents, connection, frame);
      if (frame.type === 'heartbeat') await unlessAway(recordHeartbeat(agents, connection, frame));
      if (frame.type === 'drain') await recordDrain(agents, connection);
      await runs.frame(connection, frame);
    },
    async gone(connection) {
      runs.gone(connection);
      await deps.servers.gone(connection);
    },
    async renew(identity, certificate, request, remoteAddress) {
      try {
        return await renewAgent(agents, { identity, certificate, request, remoteAddress });
      } catch (cause) {
        if (cause instanceof Failure) return cause;
        throw cause;
      }
    },
  };
}

/** A pulse that is not written down while the database is away is no reason to part: the next one says the same. */
async function unlessAway(pulse: Promise<void>): Promise<void> {
  try {
    await pulse;
  } catch (cause) {
    if (!(cause instanceof Failure) || cause.code !== 'store_unavailable') throw cause;
  }
}
