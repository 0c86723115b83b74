// When the operations of a report were: the agent says how long each took, and the server when it heard of them. What
// comes in one report ended one after the other, the last one just now.

export interface ReportedOperation {
  readonly name: string;
  readonly kind: string;
  readonly state: string;
  /** By the agent's clock. */
  readonly durationMs: number;
  readonly exitCode: number | null;
}

export interface TimedOperation extends ReportedOperation {
  /** Epoch ms. */
  readonly from: number;
  readonly to: number;
}

/** In the order of the report. None begins before `notBefore`, and none ends before it begins. */
export function operationTimes(
  operations: readonly ReportedOperation[],
  { notBefore, now }: { readonly notBefore: number; readonly now: number },
): readonly TimedOperation[] {
  const timed: TimedOperation[] = [];
  let to = Math.max(now, notBefore);
  for (const operation of operations.toReversed()) {
    const from = Math.max(notBefore, to - operation.durationMs);
    timed.push({ ...operation, from, to });
    to = from;
  }
  return timed.toReversed();
}
