// What the ends of operations mean for the run (R1): the first failure decides, unless its operation says `continue`;
// a stop of the whole run decides whatever an operation says.
import type { OperationDefinition } from '../../hcl/agent-file/definition.ts';
import type { OperationResult, Outcome } from '../../protocol/outcome.ts';
import type { Halt, OperationEnd } from '../operations/operation.ts';
import { cutText } from '../operations/status.ts';
import type { Masks } from '../redact.ts';

/** Why the run does not succeed; null while it still may. */
export interface Verdict {
  readonly result: 'failed' | 'canceled' | 'timed_out';
  readonly code?: string;
  readonly message?: string;
  readonly exitCode?: number;
  readonly signal?: string;
  /** Set when the whole run was stopped. */
  readonly halt: Halt | null;
}

const messageCharactersMax = 4_096;

/** The verdict after an operation. `endsRun` says that it ended because the whole run was stopped. */
export function judge(
  before: Verdict | null,
  end: OperationEnd,
  { definition, halt }: { readonly definition: OperationDefinition; readonly halt: Halt | null },
): Verdict | null {
  if (before !== null) return before;
  if (halt !== null) return verdictOfHalt(halt);
  if (end.result === 'succeeded' || isTolerated(end, definition)) return null;
  const { result, code, message, exitCode, signal } = end;
  return {
    result,
    halt: null,
    ...(code === undefined ? {} : { code }),
    ...(message === undefined ? {} : { message }),
    ...(exitCode === undefined ? {} : { exitCode }),
    ...(signal === undefined ? {} : { signal }),
  };
}

export function verdictOfHalt(halt: Halt): Verdict {
  const { result, code, message } = halt;
  return { result, code, message, halt };
}

/** A failure that its operation lets pass. */
export function isTolerated({ result }: OperationEnd, { onFailure }: OperationDefinition): boolean {
  return onFailure === 'continue' && (result === 'failed' || result === 'timed_out');
}

/** The row of an operation in the outcome, its texts masked and then cut. */
export function resultOf(
  end: OperationEnd,
  row: {
    readonly title: string;
    readonly kind: OperationResult['kind'];
    readonly tolerated: boolean;
    readonly durationMs: number;
  },
  masks: Masks,
): OperationResult {
  return {
    name: row.title,
    kind: row.kind,
    result: end.result,
    tolerated: row.tolerated,
    duration_ms: row.durationMs,
    ...(end.code === undefined ? {} : { code: end.code }),
    ...(end.message === undefined ? {} : { message: publicMessage(end.message, masks) }),
    ...(end.exitCode === undefined ? {} : { exit_code: end.exitCode }),
    ...(end.signal === undefined ? {} : { signal: end.signal }),
    ...(end.httpStatus === undefined ? {} : { http_status: end.httpStatus }),
  };
}

/** The parts of an outcome that a verdict gives. */
export function outcomeOf(
  verdict: Verdict | null,
  masks: Masks,
): Pick<Outcome, 'result' | 'code' | 'message' | 'exit_code' | 'signal'> {
  if (verdict === null) return { result: 'succeeded' };
  return {
    result: verdict.result,
    ...(verdict.code === undefined ? {} : { code: verdict.code }),
    ...(verdict.message === undefined ? {} : { message: publicMessage(verdict.message, masks) }),
    ...(verdict.exitCode === undefined ? {} : { exit_code: verdict.exitCode }),
    ...(verdict.signal === undefined ? {} : { signal: verdict.signal }),
  };
}

function publicMessage(message: string, masks: Masks): string {
  return cutText(masks.text(message), messageCharactersMax);
}
