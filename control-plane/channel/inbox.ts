// The frames of one connection on their way to the handlers: in order for each run, bounded in number, and the
// hello before everything else.
import type { AgentFrame } from '../../protocol/frames.ts';
import type { HelloFrame } from './contract.ts';

export type LaterFrame = Exclude<AgentFrame, HelloFrame>;

export interface InboxOptions {
  readonly framesMax: number;
  readonly hello: (frame: HelloFrame) => Promise<void>;
  readonly frame: (frame: LaterFrame) => Promise<void>;
  /** A handler's promise was rejected. */
  readonly failed: (cause: unknown) => void;
  /** Too many frames wait: stop reading the socket; and go on again. */
  readonly full: () => void;
  readonly roomy: () => void;
}

/**
 * One lane for each run and one for frames about no run. Within a lane the next frame waits until the one before has
 * been handled; lanes go side by side, so that what they write shares a commit.
 */
export class Inbox {
  readonly #options: InboxOptions;
  readonly #lanes = new Map<string, LaterFrame[]>();
  readonly #whenIdle: (() => void)[] = [];
  #frames = 0;
  #handling = 0;
  #isGreeted = false;
  #isClosed = false;
  #isFull = false;

  constructor(options: InboxOptions) {
    this.#options = options;
  }

  get isFull(): boolean {
    return this.#isFull;
  }

  push(frame: AgentFrame): void {
    if (this.#isClosed) return;
    this.#frames += 1;
    if (frame.type === 'hello') void this.#greet(frame);
    else this.#queue(frame);
    if (!this.#isFull && this.#frames >= this.#options.framesMax) {
      this.#isFull = true;
      this.#options.full();
    }
  }

  /** Forgets what waits; resolves when nothing is being handled any more. */
  close(): Promise<void> {
    this.#isClosed = true;
    if (this.#handling === 0) return Promise.resolve();
    return new Promise((resolve) => this.#whenIdle.push(resolve));
  }

  async #greet(frame: HelloFrame): Promise<void> {
    await this.#handle(() => this.#options.hello(frame));
    this.#isGreeted = true;
    for (const [key, lane] of this.#lanes) void this.#runLane(key, lane);
  }

  #queue(frame: LaterFrame): void {
    const key = 'run' in frame ? frame.run : '';
    const lane = this.#lanes.get(key);
    if (lane !== undefined) {
      lane.push(frame);
      return;
    }
    const fresh = [frame];
    this.#lanes.set(key, fresh);
    if (this.#isGreeted) void this.#runLane(key, fresh);
  }

  async #runLane(key: string, lane: LaterFrame[]): Promise<void> {
    for (let frame = lane[0]; frame !== undefined && !this.#isClosed; frame = lane[0]) {
      const next = frame;
      await this.#handle(() => this.#options.frame(next));
      lane.shift();
    }
    this.#lanes.delete(key);
  }

  async #handle(work: () => Promise<void>): Promise<void> {
    this.#handling += 1;
    try {
      await work();
    } catch (cause) {
      this.#options.failed(cause);
    }
    this.#handling -= 1;
    this.#frames -= 1;
    if (this.#isFull && this.#frames <= this.#options.framesMax / 2) {
      this.#isFull = false;
      this.#options.roomy();
    }
    if (this.#handling === 0) for (const resolve of this.#whenIdle.splice(0)) resolve();
  }
}
