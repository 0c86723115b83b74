// What the exit code of a command means; the values of sysexits.h where it has one.
import type { FailureCode } from '../protocol/failures.ts';
import type { Run } from '../protocol/api/runs.ts';

export const exitCodes = {
  done: 0,
  failed: 1,
  wouldChange: 3,
  usage: 64,
  unreachable: 68,
  refused: 69,
  indeterminate: 70,
  expired: 75,
  notSignedIn: 77,
  timedOut: 124,
  canceled: 130,
} as const;

/** The exit code of `run start --follow`: the failing command's own where it has one. */
export function exitCodeOfRun(run: Run): number {
  switch (run.state) {
    case 'succeeded':
      return exitCodes.done;
    case 'failed':
      return ownExitCode(run) ?? exitCodes.failed;
    case 'canceled':
      return exitCodes.canceled;
    case 'timed_out':
      return exitCodes.timedOut;
    case 'expired':
      return exitCodes.expired;
    case 'refused':
      return exitCodes.refused;
    case 'indeterminate':
      return exitCodes.indeterminate;
    case 'queued':
    case 'offered':
    case 'running':
      return exitCodes.failed;
  }
}

function ownExitCode(run: Run): number | null {
  const code = run.outcome?.exit_code;
  return code === undefined || code <= 0 ? null : code;
}

/** The exit code of a failed request: what the caller got wrong is usage, all else tells where it stuck. */
export function exitCodeOfFailure(code: FailureCode | string): number {
  switch (code) {
    case 'unreachable':
    case 'unavailable':
      return exitCodes.unreachable;
    case 'not_signed_in':
    case 'invalid_token':
    case 'sign_in_failed':
    case 'elevation_needed':
      return exitCodes.notSignedIn;
    case 'canceled':
      return exitCodes.canceled;
    case 'invalid_configuration':
    case 'invalid_inputs':
    case 'invalid_request':
      return exitCodes.usage;
    default:
      return exitCodes.failed;
  }
}
