// What one attempt has to say, numbered: gathered into flushes, spooled to the disk, sent within a window of
// unacknowledged bytes, and sent again from the last acknowledged after a reconnect (architecture.md, section 5).
import type { AgentFrame } from '../protocol/frames.ts';
import { encodeFrame } from '../protocol/frames.ts';
import {
  outputFlushBytesMax,
  outputFlushMsMax,
  outputRunBytesMaxDefault,
  outputWindowBytesMax,
  spoolRunBytesMax,
} from '../protocol/limits.ts';
import type { Outcome } from '../protocol/outcome.ts';
import type { Clock, RunSink } from './contract.ts';
import type { RunSpool, SpoolKey } from './spool.ts';

type OutputEvent = Parameters<RunSink['output']>[0];
type StatusEvent = Parameters<RunSink['status']>[0];
type ProgressEvent = Parameters<RunSink['progress']>[0];
type NumberedFrame = Extract<AgentFrame, { type: 'output' | 'status' | 'progress' }>;
type Unnumbered = NumberedFrame extends infer Frame
  ? Frame extends NumberedFrame
    ? Omit<Frame, 'run' | 'attempt' | 'seq'>
    : never
  : never;

const diskRetryMs = 1_000;

export interface StreamOptions {
  readonly key: SpoolKey;
  readonly spool: RunSpool;
  readonly clock: Clock;
  /** False where the connection is gone; the frame is sent again after the next welcome. */
  readonly send: (text: string) => boolean;
  readonly outputBytesMax?: number;
  readonly windowBytesMax?: number;
  readonly spoolBytesMax?: number;
}

export class RunStream {
  readonly #options: StreamOptions;
  readonly #outputBytesMax: number;
  readonly #windowBytesMax: number;
  readonly #spoolBytesMax: number;
  #attached = false;
  #nextSeq: number;
  #sendSeq: number;
  /** Sequence numbers and bytes that are on the wire or at the server, not acknowledged. */
  #unacknowledged: { readonly seq: number; readonly bytes: number }[] = [];
  #unacknowledgedBytes = 0;
  #gathered: { readonly event: OutputEvent; readonly chunks: Uint8Array[]; bytes: number } | null = null;
  #lastFlush = Number.NEGATIVE_INFINITY;
  #timer: AbortController | null = null;
  #outputBytes = 0;
  #cutBytes = 0;
  #end: { readonly outcome: Outcome; lastSeq: number; sent: boolean } | null = null;
  #waiting: (() => void)[] = [];
  /** Appends follow one another, also when one has to wait for room on the disk. */
  #tail: Promise<void> = Promise.resolve();
  /** A frame that the server does not have is no longer on the disk. */
  #gap = false;
  #closed = false;

  constructor(options: StreamOptions) {
    this.#options = options;
    this.#outputBytesMax = options.outputBytesMax ?? outputRunBytesMaxDefault;
    this.#windowBytesMax = options.windowBytesMax ?? outputWindowBytesMax;
    this.#spoolBytesMax = options.spoolBytesMax ?? spoolRunBytesMax;
    this.#nextSeq = options.spool.lastSeq + 1;
    this.#sendSeq = options.spool.next(1) ?? this.#nextSeq;
  }

  get lastSeq(): number {
    return this.#nextSeq - 1;
  }

  /** What is acknowledged up to here lies at the server only. */
  get ackedSeq(): number {
    return (this.#options.spool.next(1) ?? this.#nextSeq) - 1;
  }

  /** True when output beyond the cap of a run was not kept. */
  get cut(): boolean {
    return this.#cutBytes > 0;
  }

  /** Masked bytes of a process. Resolves when there is room for more (back-pressure). */
  async output(event: OutputEvent): Promise<void> {
    const room = this.#outputBytesMax - this.#outputBytes;
    const kept = event.bytes.length > room ? event.bytes.subarray(0, Math.max(room, 0)) : event.bytes;
    this.#cutBytes += event.bytes.length - kept.length;
    this.#outputBytes += kept.length;
    if (kept.length > 0) await this.#gather(event, kept);
    await this.#room();
  }

  async status({ operation, message, values, status }: StatusEvent): Promise<void> {
    await this.#say({
      type: 'status',
      operation,
      message,
      values: values as Extract<AgentFrame, { type: 'status' }>['values'],
      status,
    });
  }

  async progress({ operation, kind, state, exitCode, durationMs }: ProgressEvent): Promise<void> {
    await this.#say({
      type: 'progress',
      operation,
      kind,
      state,
      ...(exitCode === undefined ? {} : { exit_code: exitCode }),
      ...(durationMs === undefined ? {} : { duration_ms: durationMs }),
    });
  }

  /** Puts what is gathered, and a line about what was cut, into the spool; answers the last sequence number. */
  async finish(): Promise<number> {
    await this.#flush();
    if (this.#cutBytes > 0) {
      const line = `wayside: ${this.#cutBytes} bytes of output were cut; a run may print ${this.#outputBytesMax}.\n`;
      await this.#append(outputFrame({ operation: '', stream: 'system' }, Buffer.from(line)));
    }
    return this.lastSeq;
  }

  /** The outcome is in the journal: it is sent once everything before it was. */
  end(outcome: Outcome): void {
    this.#end ??= { outcome, lastSeq: this.lastSeq, sent: false };
    this.#pump();
  }

  /** Sends the end once more, for a server that asks again. */
  endAgain(): void {
    if (this.#end !== null) this.#end.sent = false;
    this.#pump();
  }

  /** The server welcomed us and has everything up to `haveSeq`. */
  attach(haveSeq: number): void {
    this.#options.spool.raise(haveSeq);
    this.#nextSeq = Math.max(this.#nextSeq, haveSeq + 1);
    if (this.#end !== null) {
      this.#end.sent = false;
      this.#end.lastSeq = Math.max(this.#end.lastSeq, haveSeq);
    }
    this.#unacknowledged = [];
    this.#unacknowledgedBytes = 0;
    this.#sendSeq = haveSeq + 1;
    this.#attached = true;
    this.acknowledge(haveSeq);
  }

  detach(): void {
    this.#attached = false;
  }

  /** Everything up to `seq` is durable at the server. */
  acknowledge(seq: number): void {
    this.#options.spool.acknowledge(seq);
    while ((this.#unacknowledged[0]?.seq ?? Number.POSITIVE_INFINITY) <= seq) {
      this.#unacknowledgedBytes -= this.#unacknowledged.shift()?.bytes ?? 0;
    }
    this.#sendSeq = Math.max(this.#sendSeq, seq + 1);
    this.#pump();
    this.#wake();
  }

  /** Nobody waits for this attempt any more: its file goes. */
  remove(): void {
    this.close();
    this.#options.spool.remove();
  }

  /** Stops sending and lets no writer wait; the file stays. */
  close(): void {
    this.#closed = true;
    this.#attached = false;
    this.#timer?.abort();
    this.#wake();
  }

  async #gather(event: OutputEvent, bytes: Uint8Array): Promise<void> {
    const gathered = this.#gathered;
    const same = gathered?.event.operation === event.operation && gathered.event.stream === event.stream;
    if (gathered !== null && (!same || gathered.bytes + bytes.length > outputFlushBytesMax)) {
      await this.#flush();
    }
    if (this.#gathered === null) this.#gathered = { event, chunks: [], bytes: 0 };
    // The bytes belong to whoever read them: a later read may use the same memory.
    this.#gathered.chunks.push(Uint8Array.from(bytes));
    this.#gathered.bytes += bytes.length;
    if (this.#gathered.bytes >= outputFlushBytesMax) await this.#flush();
    else this.#flushSoon();
  }

  /** At once after a pause, so that the first byte is seen at once; else when the flush interval is over. */
  #flushSoon(): void {
    if (this.#timer !== null) return;
    const timer = new AbortController();
    this.#timer = timer;
    const wait = Math.max(0, this.#lastFlush + outputFlushMsMax - this.#options.clock.boot());
    const due = wait === 0 ? Promise.resolve() : this.#options.clock.sleep(wait, timer.signal);
    due.then(
      () => {
        if (this.#timer === timer) void this.#flush();
      },
      () => undefined,
    );
  }

  async #flush(): Promise<void> {
    this.#timer?.abort();
    this.#timer = null;
    const gathered = this.#gathered;
    if (gathered === null) return this.#tail;
    this.#gathered = null;
    this.#lastFlush = this.#options.clock.boot();
    const bytes = gathered.chunks.length === 1 ? gathered.chunks[0] : Buffer.concat(gathered.chunks);
    if (bytes === undefined) return;
    for (let at = 0; at < bytes.length; at += outputFlushBytesMax) {
      await this.#append(outputFrame(gathered.event, bytes.subarray(at, at + outputFlushBytesMax)));
    }
  }

  async #say(frame: Unnumbered): Promise<void> {
    const flushed = this.#flush();
    const appended = this.#append(frame);
    await flushed;
    await appended;
    await this.#room();
  }

  /** Numbers a frame, spools it and sends what the window allows. Waits while the disk has no room. */
  #append(frame: Unnumbered): Promise<void> {
    this.#tail = this.#tail.then(async () => {
      const { run, attempt } = this.#options.key;
      const seq = this.#nextSeq;
      const text = encodeFrame({ ...frame, run, attempt, seq } as AgentFrame);
      while (!this.#closed && !this.#gap) {
        try {
          this.#options.spool.append(seq, text);
          break;
        } catch {
          await this.#options.clock.sleep(diskRetryMs);
        }
      }
      this.#nextSeq = seq + 1;
      this.#pump(text);
    });
    return this.#tail;
  }

  /** `fresh` is the text of the newest frame, which then needs no reading back. */
  #pump(fresh?: string): void {
    while (this.#attached && !this.#gap && this.#unacknowledgedBytes < this.#windowBytesMax) {
      const seq = this.#options.spool.next(this.#sendSeq);
      if (seq === null) break;
      if (seq > this.#sendSeq) return this.#giveUpReports();
      const text = fresh !== undefined && seq === this.#nextSeq - 1 ? fresh : this.#options.spool.read(seq);
      if (text === null) break;
      if (!this.#options.send(text)) return this.detach();
      this.#unacknowledged.push({ seq, bytes: text.length });
      this.#unacknowledgedBytes += text.length;
      this.#sendSeq = seq + 1;
    }
    this.#sendEnd();
  }

  /**
   * The server takes reports in order and without gaps. Where one is gone from the disk, nothing after it can be
   * told: the run goes on, and its end says that reports are missing.
   */
  #giveUpReports(): void {
    this.#gap = true;
    this.#options.spool.acknowledge(this.lastSeq);
    this.#wake();
    this.#sendEnd();
  }

  #sendEnd(): void {
    const end = this.#end;
    if (end === null || end.sent || !this.#attached) return;
    if (!this.#gap && this.#options.spool.next(this.#sendSeq) !== null) return;
    const { run, attempt } = this.#options.key;
    const lost = this.#gap || this.#sendSeq <= end.lastSeq;
    const outcome = lost ? { ...end.outcome, truncated: true } : end.outcome;
    end.sent = this.#options.send(encodeFrame({ type: 'end', run, attempt, last_seq: end.lastSeq, outcome }));
    if (!end.sent) this.detach();
  }

  async #room(): Promise<void> {
    while (!this.#closed && this.#options.spool.bytes >= this.#spoolBytesMax) {
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
  }

  #wake(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const resolve of waiting) resolve();
  }
}

function outputFrame(
  { operation, stream }: Pick<OutputEvent, 'operation' | 'stream'>,
  bytes: Uint8Array,
): Unnumbered {
  return { type: 'output', operation, stream, bytes: Buffer.from(bytes).toString('base64') };
}
