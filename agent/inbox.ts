// Where sockets, timers and signals put what happened, for the one loop that decides. Bounded: who reads a socket
// stops reading while it is full.

export interface Inbox<Item> {
  /** False when the inbox is now full: the source should wait until `onRoom` calls. The item is kept all the same. */
  put(item: Item): boolean;
  /** The next item, or null when there is none at this moment. */
  take(): Item | null;
  /** Resolves when there is something to take. */
  filled(): Promise<void>;
  /** Called each time that a full inbox has been half emptied. */
  onRoom(listener: () => void): void;
}

export function createInbox<Item>(itemsMax: number): Inbox<Item> {
  let items: Item[] = [];
  let head = 0;
  let full = false;
  let wake: (() => void) | null = null;
  const listeners: (() => void)[] = [];
  const size = (): number => items.length - head;
  return {
    put(item) {
      items.push(item);
      wake?.();
      wake = null;
      full ||= size() >= itemsMax;
      return !full;
    },
    take() {
      const item = items[head];
      if (item === undefined) return null;
      head += 1;
      if (head === items.length) {
        items = [];
        head = 0;
      }
      if (full && size() <= itemsMax / 2) {
        full = false;
        for (const listener of listeners) listener();
      }
      return item;
    },
    filled() {
      if (size() > 0) return Promise.resolve();
      return new Promise((resolve) => (wake = resolve));
    },
    onRoom(listener) {
      listeners.push(listener);
    },
  };
}
