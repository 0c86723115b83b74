// How an event says that something changed without saying what: for secrets, and for whatever is derived from them.

/** Stands where a secret was. Not its length either: that is a hint. */
export interface Redacted {
  readonly redacted: true;
}

export const redacted: Redacted = Object.freeze({ redacted: true });

/** What a value was and became; pass `redacted` for either side that is secret. */
export interface Changed<Value> {
  readonly before: Value | Redacted;
  readonly after: Value | Redacted;
}

/** Before and after of the members that differ, those in `secret` redacted. */
export function changesOf<Row extends Readonly<Record<string, unknown>>>(
  before: Row,
  after: Row,
  secret: readonly (keyof Row)[] = [],
): ReadonlyMap<keyof Row, Changed<Row[keyof Row]>> {
  const changes = new Map<keyof Row, Changed<Row[keyof Row]>>();
  for (const name of Object.keys(after) as (keyof Row)[]) {
    if (before[name] === after[name]) continue;
    const hide = secret.includes(name);
    changes.set(
      name,
      hide ? { before: redacted, after: redacted } : { before: before[name], after: after[name] },
    );
  }
  return changes;
}
