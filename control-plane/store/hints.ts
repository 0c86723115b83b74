// Wake-ups between control planes over one database. A hint may be lost, doubled or late: it saves waiting for the next
// sweep and decides nothing.

/** What there is to look at, and the kind of thing that its id names. */
const kinds = [
  // A group: something was queued in it, or may be claimed in it now.
  'queued',
  // An agent: a run in its hands was changed by another process than the one that holds its connection.
  'held',
  // An agent: it was revoked, put aside, drained, renamed, or has connected elsewhere.
  'agent',
  // A run: there are new events of it; and somebody watches it.
  'events',
  'watch',
  // The authorities have changed; no id.
  'authorities',
] as const;

export type HintKind = (typeof kinds)[number];

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

export function topicOf(kind: HintKind, id: string): string {
  return `${kind} ${id}`;
}

/** Null for what a newer program tells. */
export function readTopic(topic: string): { readonly kind: HintKind; readonly id: string } | null {
  const end = topic.indexOf(' ');
  const kind = kinds.find((each) => each === topic.slice(0, end));
  return kind === undefined ? null : { kind, id: topic.slice(end + 1) };
}
