// The row of this process in the database, renewed while it runs: by it the others know whether the connections that
// it holds are there. Whoever sees one that is silent ends its sessions; there is no leader.
import { serverBeatMs, serverLostMs } from '../../protocol/limits.ts';
import type { AgentConnection } from '../channel/contract.ts';
import type { Store } from '../store/store.ts';
import {
  deleteLostServers,
  deleteServer,
  endSessionsOfNobody,
  insertServer,
  renewServer,
  reviveSession,
  selectLostServers,
} from './server-store.ts';
import { endSession } from './store.ts';
import type { InSession } from './store.ts';

export interface ServerRow {
  /** Of this process; another one after each start. */
  readonly id: string;
  /** Since when the database has been in reach without a break, by our clock; null while it is away. */
  inTouchSince(): number | null;
  /** Whose connections are here, once there is a listener. */
  holds(online: () => Iterable<AgentConnection>): void;
  /** The connection has ended; where the database is away, it is written down when it is back. */
  gone(connection: InSession): Promise<void>;
  /** One renewal by hand; the timer does it after `start`. */
  beat(): Promise<void>;
  /** Begins to renew. */
  start(): void;
  /** Nobody is connected here any more. */
  close(): Promise<void>;
}

export interface ServerRowDeps {
  readonly store: Store;
  readonly clock: { now(): number; after(ms: number, wake: () => void): () => void };
  readonly id: string;
  /** For people who look at the rows. */
  readonly address: string;
  /** Something that the operator should see; `cause` where it failed. */
  readonly report: (message: string, cause?: unknown) => void;
}

/** Units that bring sessions back hold so many each. */
const revivedMax = 500;

/** Writes the row. On SQLite there is one process at a time, so that those of before are dead by definition. */
export async function openServerRow(deps: ServerRowDeps): Promise<ServerRow> {
  const { store, clock, id } = deps;
  const isAlone = store.engine === 'sqlite';
  const silentMs = isAlone ? 0 : serverLostMs;
  let online: () => Iterable<AgentConnection> = () => [];
  let since: number | null = clock.now();
  let heardAt = clock.now();
  let judged = false;
  let owed: InSession[] = [];
  let closed = false;
  let cancel = (): void => undefined;
  let working: Promise<void> = Promise.resolve();

  const endLost = async (): Promise<void> => {
    const lost = await store.read(selectLostServers(store, { me: id, silentMs }));
    if (judged && lost.length === 0) return;
    await store.write([deleteLostServers(store, { me: id, silentMs }), endSessionsOfNobody(store)]);
    judged = true;
    for (const { address } of lost) {
      deps.report(`the control plane at ${address} was not seen any more; its agents count as gone`);
    }
  };
  const renew = async (): Promise<void> => {
    const [renewed] = await store.write([renewServer(store, id)]);
    if (renewed?.changes === 0) await comeBack();
    const now = clock.now();
    if (since === null || now - heardAt > serverLostMs) since = now;
    heardAt = now;
  };
  /** Another process took us for lost. */
  const comeBack = async (): Promise<void> => {
    const mine = [...online()].map(({ agentId, session }) => reviveSession(store, { agentId, session }));
    await store.write([insertServer(store, { id, address: deps.address })]);
    for (let at = 0; at < mine.length; at += revivedMax) await store.write(mine.slice(at, at + revivedMax));
    deps.report('other control planes took this one for lost; it has said that it is there');
  };
  const payOwed = async (): Promise<void> => {
    const ended = owed;
    owed = [];
    try {
      if (ended.length > 0) await store.write(ended.map((each) => endSession(store, each)));
    } catch (cause) {
      owed.push(...ended);
      throw cause;
    }
  };
  const beat = async (): Promise<void> => {
    try {
      await renew();
      await payOwed();
      // Whoever was away itself must first let the others be seen again.
      if (since !== null && (isAlone || clock.now() - since >= silentMs)) await endLost();
    } catch (cause) {
      if (since !== null)
        deps.report('the row of this control plane could not be renewed; it is tried again', cause);
      since = null;
    }
  };
  const next = (): void => {
    cancel = clock.after(serverBeatMs, () => {
      working = beat().then(() => {
        if (!closed) next();
      });
    });
  };

  await store.write([insertServer(store, { id, address: deps.address })]);
  if (isAlone) await endLost();
  return {
    id,
    inTouchSince: () => since,
    holds: (of) => void (online = of),
    async gone(connection) {
      try {
        await store.write([endSession(store, connection)]);
      } catch (cause) {
        owed.push({ agentId: connection.agentId, session: connection.session });
        throw cause;
      }
    },
    beat,
    start: next,
    async close() {
      closed = true;
      cancel();
      await working;
      try {
        await store.write([deleteServer(store, id), endSessionsOfNobody(store)]);
      } catch (cause) {
        deps.report(
          'the row of this control plane could not be removed; the others see that it is silent',
          cause,
        );
      }
    },
  };
}
