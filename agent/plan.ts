// From one operation and what the run has brought so far to exactly what is about to be done: every expression
// evaluated, every rule about foreign text kept (rules.md 21 to 23). Nothing is done here, and nothing is read.
import type { OperationDefinition } from '../hcl/agent-file/definition.ts';
import { planArgv } from './plan/argv.ts';
import { planContainer } from './plan/container.ts';
import { planDir } from './plan/dir.ts';
import { planEnvironment } from './plan/environment.ts';
import type { Evaluator } from './plan/evaluator.ts';
import { planHttp } from './plan/http.ts';
import type { CommandPlan, OperationPlan } from './plan/operation-plan.ts';
import { planStatus } from './plan/status.ts';

/** What the machine and its settings add to a plan. */
export interface PlanSurroundings {
  /** Absolute path of the shell for commands that need one. */
  readonly shell: string;
  /** The agent's own proxy. */
  readonly proxy: string | null;
  /** The user that commands run as where the action names none. */
  readonly runAs: string | null;
}

/**
 * Throws a Failure: `evaluation_failed`, `tainted_argument`, `tainted_path`, `tainted_url` or `invalid_header`.
 */
export function planOperation(
  operation: OperationDefinition,
  evaluator: Evaluator,
  { shell, proxy, runAs }: PlanSurroundings,
): OperationPlan {
  switch (operation.kind) {
    case 'run': {
      if (operation.docker !== null) return planContainer(operation, operation.docker, evaluator);
      const argv = planArgv(operation.command, evaluator, shell);
      const plan: CommandPlan = {
        kind: 'run',
        argv,
        dir: planDir(operation.dir, evaluator, argv),
        env: planEnvironment(operation.env, evaluator),
        runAs: evaluator.action.runAs ?? runAs,
        hashes: operation.hashes,
      };
      return plan;
    }
    case 'http':
      return planHttp(operation, evaluator, { proxy });
    case 'status':
      return planStatus(operation, evaluator);
  }
}

/** What people and later expressions call an operation. */
export function operationTitle({ name, index }: OperationDefinition): string {
  return name ?? `operation ${index + 1}`;
}
