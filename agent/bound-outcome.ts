// An outcome must fit into the one frame that carries it.
import { encodeFrame } from '../protocol/frames.ts';
import { frameBytesMax } from '../protocol/limits.ts';
import type { Outcome } from '../protocol/outcome.ts';

/** Results that do not fit are left out, and that is said; so is output that was cut. */
export function boundOutcome(outcome: Outcome, cut: boolean): Outcome {
  const marked = cut ? { ...outcome, truncated: true } : outcome;
  if (
    encodeFrame({ type: 'end', run: '', attempt: 1, last_seq: 0, outcome: marked }).length <
    frameBytesMax / 2
  ) {
    return marked;
  }
  return { ...marked, truncated: true, outputs: {}, operations: marked.operations.slice(0, 20) };
}
