// Wake-ups between control planes over one database. A hint may be lost, doubled or late: it saves waiting for the next
// sweep and decides nothing.

/** The topic of a hint, or null where some may have been lost and everything should be looked at. */
export type HintListener = (topic: string | null) => void;

export interface Hints {
  /** Tells the other control planes, soon. Never fails; those of one turn of the loop go together. */
  hint(topic: string): void;
  /** Calls with what the others tell. Answers how to stop that. */
  onHint(listener: HintListener): () => void;
}

/** Where there is no other process. */
export const noHints: Hints = {
  hint: () => undefined,
  onHint: () => () => undefined,
};
