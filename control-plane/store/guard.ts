// A guard of a step: how many rows its statement must touch or return for the unit to be stored.

export interface Guard {
  readonly name: string;
  readonly exactly?: number;
  readonly atLeast?: number;
}

/** The same on both engines: a statement that changes rows and returns them is counted once. */
export function holds(
  guard: Guard,
  result: { readonly rows: readonly unknown[]; readonly changes: number },
): boolean {
  const touched = Math.max(result.changes, result.rows.length);
  if (guard.exactly !== undefined && touched !== guard.exactly) return false;
  return guard.atLeast === undefined || touched >= guard.atLeast;
}
