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
  /** No other process may be at this database; left out, that is so on SQLite. */
  readonly isAlone?: boolean;
  /** Something that the operator should see; `cause` where it failed. */
  readonly report: (message: string, cause?: unknown) => void;
}

/** Units that bring sessions back hold so many each. */
const revivedMax = 500;

/** Writes the row. On SQLite there is one process at a time, so that those of before are dead by definition. */
export async function openServerRow(deps: ServerRowDeps): Promise<ServerRow> {
  const row = new Row(deps);
  await row.open();
  return row;
}

class Row implements ServerRow {
  readonly id: string;
  readonly #deps: ServerRowDeps;
  readonly #isAlone: boolean;
  readonly #silentMs: number;
  #online: () => Iterable<AgentConnection> = () => [];
  #since: number | null;
  #heardAt: number;
  /** True once what others left behind was looked for. */
  #judged = false;
  /** Sessions whose end could not be written down. */
  #owed: readonly InSession[] = [];
  #closed = false;
  #cancel = (): void => undefined;
  #working: Promise<void> = Promise.resolve();

  constructor(deps: ServerRowDeps) {
    this.id = deps.id;
    this.#deps = deps;
    this.#isAlone = deps.isAlone ?? deps.store.engine === 'sqlite';
    this.#silentMs = this.#isAlone ? 0 : serverLostMs;
    this.#since = deps.clock.now();
    this.#heardAt = deps.clock.now();
  }

  async open(): Promise<void> {
    await this.#insert();
    if (this.#isAlone) await this.#endLost();
  }

  inTouchSince(): number | null {
    return this.#since;
  }

  holds(online: () => Iterable<AgentConnection>): void {
    this.#online = online;
  }

  async gone({ agentId, session }: InSession): Promise<void> {
    try {
      await this.#deps.store.write([endSession(this.#deps.store, { agentId, session })]);
    } catch (cause) {
      this.#owed = [...this.#owed, { agentId, session }];
      throw cause;
    }
  }

  async beat(): Promise<void> {
    const { clock, report } = this.#deps;
    try {
      // Where nobody else looks at it, a commit every few seconds is for nothing.
      if (!this.#isAlone) await this.#renew();
      await this.#payOwed();
      // Whoever was away itself must first let the others be seen again.
      const isJudge = this.#since !== null && clock.now() - this.#since >= this.#silentMs;
      if (isJudge) await this.#endLost();
    } catch (cause) {
      if (this.#since !== null) report('the row of this control plane could not be renewed', cause);
      if (!this.#isAlone) this.#since = null;
    }
  }

  start(): void {
    this.#cancel = this.#deps.clock.after(serverBeatMs, () => {
      this.#working = this.beat().then(() => {
        if (!this.#closed) this.start();
      });
    });
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#cancel();
    await this.#working;
    const { store, report } = this.#deps;
    try {
      await store.write([deleteServer(store, this.id), endSessionsOfNobody(store)]);
    } catch (cause) {
      report('the row of this control plane could not be removed; the others see that it is silent', cause);
    }
  }

  async #insert(): Promise<void> {
    const { store, id, address } = this.#deps;
    await store.write([insertServer(store, { id, address })]);
  }

  async #renew(): Promise<void> {
    const { store, clock } = this.#deps;
    const [renewed] = await store.write([renewServer(store, this.id)]);
    if (renewed?.changes === 0) await this.#comeBack();
    const now = clock.now();
    if (this.#since === null || now - this.#heardAt > serverLostMs) this.#since = now;
    this.#heardAt = now;
  }

  /** Another process took us for lost. */
  async #comeBack(): Promise<void> {
    const { store, report } = this.#deps;
    await this.#insert();
    const mine = [...this.#online()].map(({ agentId, session }) =>
      reviveSession(store, { agentId, session }),
    );
    for (let at = 0; at < mine.length; at += revivedMax) await store.write(mine.slice(at, at + revivedMax));
    report('other control planes took this one for lost; it has said that it is there');
  }

  async #payOwed(): Promise<void> {
    const { store } = this.#deps;
    const owed = this.#owed;
    if (owed.length === 0) return;
    await store.write(owed.map((each) => endSession(store, each)));
    this.#owed = this.#owed.filter((each) => !owed.includes(each));
  }

  async #endLost(): Promise<void> {
    const { store, report } = this.#deps;
    const of = { me: this.id, silentMs: this.#silentMs };
    const lost = await store.read(selectLostServers(store, of));
    if (this.#judged && lost.length === 0) return;
    await store.write([deleteLostServers(store, of), endSessionsOfNobody(store)]);
    this.#judged = true;
    for (const { address } of lost) {
      report(`the control plane at ${address} was not seen any more; its agents count as gone`);
    }
  }
}
