// The agent's one loop: takes what happened from the inbox, lets `decide` say what follows, and does it. Everything
// that waits (disk, cryptography, processes) comes back as another event.
import type { AgentFrame, Definition } from '../protocol/frames.ts';
import { encodeFrame } from '../protocol/frames.ts';
import type { Outcome } from '../protocol/outcome.ts';
import { boundOutcome } from './bound-outcome.ts';
import type { RunRequest, RunSink, Spawned } from './contract.ts';
import { decide } from './decide.ts';
import { emptyOutcome } from './decide/end.ts';
import { nextWake } from './decide/tick.ts';
import type { Inbox } from './inbox.ts';
import { Recall, showableRuns, showInHand } from './recall.ts';
import { runKey } from './journal-records.ts';
import type { RunSpool } from './spool.ts';
import { RunStream } from './stream.ts';
import type { Happening, WorkDeps, WorkStart } from './work-deps.ts';
import { initialState } from './work-state.ts';
import type { Effect, Moment, OfferFrame, WorkEvent, WorkState } from './work-state.ts';

/** Longest sleep while something is in hand: wall time may jump, and timers do not count suspension. */
const watchMs = 5_000;

export class Work {
  readonly inbox: Inbox<Happening>;
  readonly #deps: WorkDeps;
  readonly #sharesUser: boolean;
  readonly #streams = new Map<string, RunStream>();
  readonly #requests = new Map<string, RunRequest>();
  readonly #controllers = new Map<string, AbortController>();
  readonly #recall: Recall;
  #state: WorkState;
  #timer: { readonly at: number; readonly controller: AbortController } | null = null;
  #stopped = false;

  constructor(deps: WorkDeps, start: WorkStart) {
    this.#deps = deps;
    this.#sharesUser = start.sharesUser;
    this.inbox = deps.inbox;
    this.#recall = new Recall(deps.journal.fold);
    this.#state = initialState({
      incarnation: deps.incarnation,
      concurrency: start.concurrency,
      shutdownGraceMs: start.shutdownGraceMs,
      advertisement: start.advertisement,
      knownGroups: start.knownGroups,
      runs: start.recovered.map(({ run }) => run),
    });
    for (const { run, spool } of start.recovered) {
      const stream = this.#openStream(run.key, run, spool);
      if (run.outcome !== null) stream.end(run.outcome);
    }
  }

  get state(): WorkState {
    return this.#state;
  }

  /** The loop itself; ends after `stop`. */
  async run(): Promise<void> {
    while (!this.#stopped) {
      await this.inbox.filled();
      // What lies in the inbox together happened together, and reading the boot clock is a system call.
      const at = { boot: this.#deps.clock.boot(), now: this.#deps.clock.now() };
      let event = this.inbox.take();
      while (event !== null && !this.#stopped) {
        const next = this.inbox.take();
        this.#step(event, at, next !== null);
        event = next ?? this.inbox.take();
      }
      this.#armTimer(at.boot);
    }
  }

  /** Ends the loop and lets go of files; what runs is not touched. */
  stop(): void {
    this.#stopped = true;
    this.#timer?.controller.abort();
    this.inbox.put({ type: 'tick' });
    for (const stream of this.#streams.values()) stream.close();
  }

  /** `more` events of this moment follow. */
  #step(happening: Happening, at: Moment, more: boolean): void {
    const event = this.#complete(happening, at);
    if (event.type === 'frame' && event.frame.type === 'welcome') this.#deps.welcomed(event.frame);
    if (event.type === 'frame' && event.frame.type === 'ack' && event.frame.head !== undefined) {
      this.#deps.heads.seen(event.frame.head);
    }
    if (event.type === 'journaled' && event.record === 'begun') {
      this.#deps.starts.note(this.#state.runs.get(event.key)?.action ?? '', event.at.now);
    }
    const { state, effects } = decide(this.#state, event, { given: true, more });
    this.#state = state;
    // An offer that came to nothing while it was verified leaves nothing behind.
    if (event.type === 'verified' && !state.runs.has(event.key)) this.#requests.delete(event.key);
    for (const effect of effects) this.#do(effect);
  }

  #complete(happening: Happening, at: Moment): WorkEvent {
    const { journal, starts } = this.#deps;
    switch (happening.type) {
      case 'frame': {
        const { frame } = happening;
        const past = 'run' in frame ? (journal.fold.past.get(frame.run)?.attempt ?? 0) : 0;
        if (frame.type !== 'welcome') return { ...happening, at, past };
        const showable = showableRuns(journal.fold, frame.earlier_incarnations ?? []);
        return { ...happening, at, past, showable };
      }
      case 'verified':
        return {
          ...happening,
          at,
          actionStarts: starts.of(happening.action.action, at.now),
          allStarts: starts.all(at.now),
        };
      default:
        return { ...happening, at };
    }
  }

  #do(effect: Effect): void {
    switch (effect.type) {
      case 'hello':
        return this.#hello(effect);
      case 'send':
        this.#deps.line.send(encodeFrame(effect.frame));
        this.#deps.faultPoint(`${effect.frame.type}.sent`);
        return;
      case 'close':
        return this.#deps.line.close(effect.code, effect.reason);
      case 'verify':
        return this.#verify(effect.key, effect.offer);
      case 'journal':
        return this.#journal(effect);
      case 'forget':
        return this.#forget(effect);
      case 'execute':
        return this.#execute(effect.key);
      case 'stop':
        this.#controllers.get(effect.key)?.abort(effect.order);
        return;
      case 'show':
        return this.#show(effect.runs);
      case 'recall':
        return this.#say(this.#recall.begin(effect.store, effect.earlier));
      case 'attach':
        this.#stream(effect.key)?.attach(effect.haveSeq);
        return;
      case 'detach':
        for (const stream of this.#streams.values()) stream.detach();
        return;
      case 'acknowledge':
        this.#streams.get(effect.key)?.acknowledge(effect.seq);
        return;
      case 'report':
        this.#stream(effect.key)?.end(effect.outcome);
        this.#deps.faultPoint('end.sent');
        return;
      case 'report_again':
        this.#streams.get(effect.key)?.endAgain();
        return;
      case 'renew':
        return this.#deps.renew();
      case 'probe':
        return this.#probe();
      case 'leave':
        return this.#deps.leave(effect.reason, effect.message);
      case 'note':
        this.#deps.log[effect.level](effect.run === undefined ? {} : { run: effect.run }, effect.message);
    }
  }

  #hello({ connection, runs }: Extract<Effect, { type: 'hello' }>): void {
    const { clock, incarnation, journal, line, version } = this.#deps;
    line.adopt(connection);
    const { advertisement, concurrency } = this.#state;
    line.send(
      encodeFrame({
        type: 'hello',
        protocol: 1,
        version,
        incarnation,
        journal_counter: journal.counter,
        concurrency,
        now: clock.now(),
        shares_user: this.#sharesUser,
        runs: runs.flatMap(({ key, state }) => {
          const run = this.#state.runs.get(key);
          if (run === undefined) return [];
          const stream = this.#streams.get(key);
          const last_seq = stream?.lastSeq ?? run.lastSeq;
          return [
            { run: run.run, attempt: run.attempt, state, last_seq, acked_seq: stream?.ackedSeq ?? last_seq },
          ];
        }),
        groups: [...advertisement.groups],
        definitions: [...advertisement.definitions] as Definition[],
        load_errors: [...advertisement.loadErrors],
        audit: this.#deps.heads.hello(),
      }),
    );
    this.#deps.faultPoint('hello.sent');
  }

  #show(named: Extract<Effect, { type: 'show' }>['runs']): void {
    const { fold } = this.#deps.journal;
    let isAnswer = false;
    for (const attempt of named) {
      const key = runKey(attempt);
      const run = this.#state.runs.get(key);
      if (run !== undefined) {
        this.#say(showInHand(fold, run, this.#streams.get(key)?.ackedSeq ?? run.lastSeq));
        continue;
      }
      isAnswer = true;
      this.#say(this.#recall.show(attempt));
    }
    if (isAnswer || named.length === 0) this.#say(this.#recall.next());
  }

  #say(frame: AgentFrame | null): void {
    if (frame !== null) this.#deps.line.send(encodeFrame(frame));
  }

  #verify(key: string, offer: OfferFrame): void {
    void this.#deps.verify(offer).then((result) => {
      if (result.code !== null) {
        this.inbox.put({ type: 'refused', key, code: result.code, message: result.message });
        return;
      }
      const { action, settings } = result.request;
      this.#requests.set(key, result.request);
      this.inbox.put({
        type: 'verified',
        key,
        action: {
          action: `${action.group}/${action.name}`,
          digest: action.digest,
          idempotent: action.idempotent,
          timeoutMs: action.timeoutMs,
          concurrency: action.concurrency,
          limits: action.limits,
          agentLimits: settings.limits,
        },
      });
    });
  }

  #journal({ key, record }: Extract<Effect, { type: 'journal' }>): void {
    const { journal } = this.#deps;
    // The server waits for `accept`, and nothing starts before `begun` is on the disk, which takes `accepted` along.
    const isEarly = record.type === 'accepted';
    (isEarly ? journal.note(record) : journal.append(record)).then(
      () => {
        this.#deps.faultPoint(`${record.type}.${isEarly ? 'written' : 'durable'}`);
        this.inbox.put({ type: 'journaled', key, record: record.type });
      },
      () => this.inbox.put({ type: 'unjournaled', key, record: record.type }),
    );
  }

  #forget({ run, attempt, verdict }: Extract<Effect, { type: 'forget' }>): void {
    const { clock, journal } = this.#deps;
    const key = `${run}/${attempt}`;
    // Where this cannot be written the run is reported once more after a restart, and forgotten then.
    journal.note({ type: 'past', run, attempt, at: clock.now(), verdict }).catch(() => undefined);
    this.#streams.get(key)?.remove();
    this.#streams.delete(key);
    this.#requests.delete(key);
  }

  #execute(key: string): void {
    const { clock, execute, faultPoint, log } = this.#deps;
    const request = this.#requests.get(key);
    const stream = this.#stream(key);
    if (request === undefined || stream === null) throw new Error(`no request for ${key}`);
    const controller = new AbortController();
    this.#controllers.set(key, controller);
    faultPoint('execute.starting');
    // The machine's own record of what was done on it, and by whose word.
    const { action, context } = request;
    const about = { run: context.runId, attempt: context.attempt, action: `${action.group}/${action.name}` };
    log.info({ ...about, requested_by: context.requestedBy }, 'Begun.');
    const sink = this.#sink(key, stream);
    const deadline = this.#state.runs.get(key)?.deadline ?? null;
    void execute(deadline === null ? request : { ...request, deadline }, {
      sink,
      stop: controller.signal,
      clock,
    })
      .catch((cause: unknown) => this.#failed(cause))
      .then(async (outcome) => {
        const lastSeq = await stream.finish();
        this.#controllers.delete(key);
        this.#requests.delete(key);
        faultPoint('executed');
        log.info({ ...about, result: outcome.result, code: outcome.code }, 'Ended.');
        this.inbox.put({ type: 'executed', key, outcome: boundOutcome(outcome, stream.cut), lastSeq });
      });
  }

  /** Execution never throws for what happens in the world: this is a bug, and the run must end all the same. */
  #failed(cause: unknown): Outcome {
    this.#deps.log.error({ err: cause }, 'An execution threw.');
    return emptyOutcome('failed', 'internal', 'The agent failed while it executed the run: see its log.');
  }

  #sink(key: string, stream: RunStream): RunSink {
    return {
      output: (event) => stream.output(event),
      status: (event) => stream.status(event),
      progress: (event) => stream.progress(event),
      spawned: (process) => {
        this.#noteSpawned(key, process);
      },
    };
  }

  #noteSpawned(key: string, { operation, pid, group, startTime, container }: Spawned): void {
    const run = this.#state.runs.get(key);
    if (run === undefined) return;
    this.#deps.journal
      .note({
        type: 'spawned',
        run: run.run,
        attempt: run.attempt,
        operation,
        pid,
        group,
        start_time: startTime,
        container,
        boot_id: this.#deps.bootId,
      })
      .catch(() => undefined);
  }

  #probe(): void {
    this.#deps.journal.append({ type: 'probe' }).then(
      () => this.inbox.put({ type: 'probed', ok: true }),
      () => this.inbox.put({ type: 'probed', ok: false }),
    );
  }

  #stream(key: string): RunStream | null {
    const known = this.#streams.get(key);
    if (known !== undefined) return known;
    const run = this.#state.runs.get(key);
    return run === undefined ? null : this.#openStream(key, run, null);
  }

  #openStream(
    key: string,
    { run, attempt }: { readonly run: string; readonly attempt: number },
    recovered: RunSpool | null,
  ): RunStream {
    const { clock, line, spools } = this.#deps;
    const spool = recovered ?? spools.create();
    const stream = new RunStream({ key: { run, attempt }, spool, clock, send: (text) => line.send(text) });
    this.#streams.set(key, stream);
    const isSaid = this.#state.session?.welcomed === true && this.#state.runs.get(key)?.muted !== true;
    if (recovered === null && isSaid) stream.attach(0);
    return stream;
  }

  #armTimer(boot: number): void {
    const wake = nextWake(this.#state);
    if (this.#stopped || wake === null) return;
    const at = Math.min(Math.max(wake, boot), boot + watchMs);
    if (this.#timer !== null && this.#timer.at <= at) return;
    this.#timer?.controller.abort();
    const timer = { at, controller: new AbortController() };
    this.#timer = timer;
    this.#deps.clock.sleep(at - boot, timer.controller.signal).then(
      () => {
        if (this.#timer === timer) this.#timer = null;
        this.inbox.put({ type: 'tick' });
      },
      () => undefined,
    );
  }
}
