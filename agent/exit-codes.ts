// What the agent's commands answer to whoever started them (sysexits.h for what has a number there).
import type { FailureCode } from '../protocol/failures.ts';

export const exitCodes = {
  ok: 0,
  /** A file has errors, or a check did not pass. */
  failed: 1,
  usage: 64,
  unreachable: 68,
  refused: 69,
  internal: 70,
  stateUnusable: 74,
  stateLocked: 75,
  notPermitted: 77,
  configuration: 78,
} as const;
export type ExitCode = (typeof exitCodes)[keyof typeof exitCodes];

const byFailure: Partial<Readonly<Record<FailureCode, ExitCode>>> = {
  invalid_agent_file: exitCodes.failed,
  invalid_request: exitCodes.usage,
  invalid_configuration: exitCodes.configuration,
  unreachable: exitCodes.unreachable,
  unavailable: exitCodes.unreachable,
  state_unusable: exitCodes.stateUnusable,
  disk_full: exitCodes.stateUnusable,
  state_locked: exitCodes.stateLocked,
  not_enrolled: exitCodes.notPermitted,
  agent_revoked: exitCodes.notPermitted,
  quarantined: exitCodes.notPermitted,
  invalid_join_token: exitCodes.notPermitted,
  join_token_spent: exitCodes.notPermitted,
  join_token_expired: exitCodes.notPermitted,
  certificate_rejected: exitCodes.notPermitted,
};

export function exitCodeOf(code: FailureCode): ExitCode {
  return byFailure[code] ?? exitCodes.refused;
}
