// One run under way: what it was asked, what it has brought so far, and how its expressions are evaluated.
import type { Value } from '../../hcl/values.ts';
import type { OperationResult } from '../../protocol/outcome.ts';
import type { RunRequest, RunSink } from '../contract.ts';
import type { Fence } from '../fence.ts';
import type { AgentFunctions } from '../functions.ts';
import type { ExecutionHost } from '../host.ts';
import { createEvaluator } from '../plan/evaluator.ts';
import type { Evaluator } from '../plan/evaluator.ts';
import { variablesOf } from '../plan/scope.ts';
import type { Masks } from '../redact.ts';
import type { HaltOptions } from './halts.ts';
import { registerLeaves } from './register.ts';
import type { Verdict } from './verdict.ts';

export interface Run {
  readonly request: RunRequest;
  readonly sink: RunSink;
  readonly halts: HaltOptions;
  readonly host: ExecutionHost;
  readonly masks: Masks;
  readonly functions: AgentFunctions;
  /** Opens the run's control group, once; null where there is none. */
  readonly fence: () => Fence | null;
  /** Results of operations that were done, by name, marked. */
  readonly values: Map<string, Value>;
  readonly rows: OperationResult[];
  readonly survivors: string[];
  verdict: Verdict | null;
  /** The first process, and when it was started by the boot clock; null while there was none. */
  first: { readonly pid: number; readonly startTime: string | null; readonly at: number } | null;
}

/**
 * Evaluates with what the run has brought so far. Whatever turns out to be sensitive is masked from then on;
 * `onShort` is called for a value that is too short for that.
 */
export async function evaluateWith<Result>(
  run: Run,
  onShort: () => void,
  evaluate: (evaluator: Evaluator) => Result,
): Promise<Result> {
  const { request, functions, masks, values } = run;
  const variables = variablesOf(request, values);
  return functions.settle((known) =>
    evaluate(
      createEvaluator({
        action: request.action,
        variables,
        functions: known,
        onValue: (value) => {
          registerLeaves(value, { masks, onShort });
        },
      }),
    ),
  );
}
