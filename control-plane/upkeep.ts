// Removes what has outlived its time, now and then: each duty by itself, one after the other, never twice at once.
export interface Duty {
  /** For the log. */
  readonly name: string;
  readonly perform: () => Promise<unknown>;
}

export interface Upkeep {
  /** Waits for the duty that is being performed. */
  close(): Promise<void>;
}

export interface UpkeepDeps {
  readonly duties: readonly Duty[];
  readonly everyMs: number;
  readonly clock: {
    /** Calls `wake` once after `ms`; the answer cancels it. */
    after(ms: number, wake: () => void): () => void;
  };
  /** A duty failed; it is tried again when its time comes. */
  readonly report: (duty: string, cause: unknown) => void;
}

export function startUpkeep({ duties, everyMs, clock, report }: UpkeepDeps): Upkeep {
  let closed = false;
  let cancel: () => void = () => undefined;
  let work: Promise<void> = Promise.resolve();
  const round = async (): Promise<void> => {
    for (const { name, perform } of duties) {
      if (closed) return;
      try {
        await perform();
      } catch (cause) {
        report(name, cause);
      }
    }
  };
  const arm = (): void => {
    if (closed) return;
    cancel = clock.after(everyMs, () => {
      work = round().finally(arm);
    });
  };
  arm();
  return {
    close: async () => {
      closed = true;
      cancel();
      await work;
    },
  };
}
