import { expect, test } from 'vitest';
import { exitCodeOfFailure, exitCodeOfRun } from '../../cli/exit-codes.ts';
import type { Run } from '../../protocol/api/runs.ts';
import { failures } from '../../protocol/failures.ts';
import type { FailureCode } from '../../protocol/failures.ts';
import type { RunState } from '../../protocol/states.ts';

function runThat(state: RunState, exitCode?: number): Run {
  const outcome = {
    result: state,
    duration_ms: 1,
    operations: [],
    outputs: {},
    truncated: false,
    survivors: [],
  };
  return {
    state,
    outcome: exitCode === undefined ? null : { ...outcome, exit_code: exitCode },
  } as unknown as Run;
}

test.each([
  ['succeeded', undefined, 0],
  ['succeeded', 0, 0],
  ['failed', undefined, 1],
  ['failed', 0, 1],
  ['failed', -1, 1],
  ['failed', 3, 3],
  ['failed', 127, 127],
  ['failed', 255, 255],
  ['canceled', undefined, 130],
  ['canceled', 143, 130],
  ['timed_out', undefined, 124],
  ['expired', undefined, 75],
  ['refused', undefined, 69],
  ['indeterminate', undefined, 70],
  ['indeterminate', 3, 70],
] as const)('a run that is %s with exit code %s ends the command with %d', (state, exitCode, code) => {
  expect(exitCodeOfRun(runThat(state, exitCode))).toBe(code);
});

test('a failed request says by its exit code whose turn it is', () => {
  const codes = new Map<number, FailureCode[]>();
  for (const code of Object.keys(failures) as FailureCode[]) {
    const exit = exitCodeOfFailure(code);
    codes.set(exit, [...(codes.get(exit) ?? []), code]);
  }
  expect([...codes.keys()].sort((a, b) => a - b)).toEqual([1, 64, 68, 77, 130]);
  expect(codes.get(64)).toEqual(['invalid_request', 'invalid_inputs', 'invalid_configuration']);
  expect(codes.get(68)).toEqual(['unavailable', 'unreachable']);
  expect(codes.get(77)).toEqual(['not_signed_in', 'invalid_token', 'sign_in_failed', 'elevation_needed']);
  expect(codes.get(130)).toEqual(['canceled']);
});
