// Which agents are connected to this process. A newer session of an agent takes the place of the older one.
import { closeCodes } from '../../protocol/frames.ts';
import type { AgentConnection } from './contract.ts';
import type { LiveConnection } from './connection.ts';

export class Presence {
  readonly #current = new Map<string, LiveConnection>();
  /** Also those that are closing. */
  readonly #all = new Set<LiveConnection>();
  readonly #whenEmpty: (() => void)[] = [];
  #isClosing = false;

  add(connection: LiveConnection): void {
    this.#all.add(connection);
    const other = this.#current.get(connection.agentId);
    const [older, newer] =
      other === undefined || other.session < connection.session ? [other, connection] : [connection, other];
    this.#current.set(connection.agentId, newer);
    older?.close(
      closeCodes.session_replaced,
      'session_replaced',
      'A newer connection of this agent took over.',
    );
    if (this.#isClosing) connection.close(closeCodes.unavailable, 'unavailable');
  }

  remove(connection: LiveConnection): void {
    this.#all.delete(connection);
    if (this.#current.get(connection.agentId) === connection) this.#current.delete(connection.agentId);
    if (this.#all.size === 0) for (const resolve of this.#whenEmpty.splice(0)) resolve();
  }

  connection(agentId: string): AgentConnection | null {
    return this.#current.get(agentId) ?? null;
  }

  online(): Iterable<AgentConnection> {
    return this.#current.values();
  }

  /** Closes every connection, and those that are still on their way in; resolves when all have ended. */
  closeAll(): Promise<void> {
    this.#isClosing = true;
    for (const connection of this.#all) connection.close(closeCodes.going_away, 'unavailable');
    if (this.#all.size === 0) return Promise.resolve();
    return new Promise((resolve) => this.#whenEmpty.push(resolve));
  }
}
