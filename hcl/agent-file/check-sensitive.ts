// Warns of secrets in argument lists: every user of a machine can read those (security.md, section 6).
import type { Expression } from '../ast.ts';
import type { Report } from '../schema.ts';
import type { OperationDefinition, RunOperation } from './definition.ts';
import { agentFunctions } from './names.ts';
import { childrenOf, pathOf } from './references.ts';
import type { Inputs } from './taint.ts';

export interface Secrets {
  readonly inputs: Inputs;
  readonly operations: readonly OperationDefinition[];
}

export function checkSensitiveArguments({ command }: RunOperation, secrets: Secrets, report: Report): void {
  for (const { name, at } of secretsIn(command, secrets)) {
    report(at, {
      severity: 'warning',
      summary: `\`${name}\` is secret`,
      detail:
        'The arguments of a process can be read by every user of the machine while it runs. Hand it over in `env`.',
      code: 'sensitive_argument',
    });
  }
}

interface SecretUse {
  readonly name: string;
  readonly at: Expression;
}

/** Sensitive inputs and results, and what `env`, `file` and `secret` give. */
function secretsIn(expression: Expression, secrets: Secrets): readonly SecretUse[] {
  if (expression.node === 'call') {
    if (expression.name === 'nonsensitive') return [];
    if (agentFunctions.has(expression.name)) return [{ name: expression.name, at: expression }];
  }
  const path = pathOf(expression)?.path;
  if (path !== undefined) return isSecret(path, secrets) ? [{ name: path.join('.'), at: expression }] : [];
  return childrenOf(expression).flatMap((child) => secretsIn(child.expression, secrets));
}

function isSecret([root, name]: readonly string[], { inputs, operations }: Secrets): boolean {
  if (root === 'run') return name === 'token';
  if (root === 'var') return inputs.get(name ?? '')?.sensitive === true;
  return root === 'operation' && operations.some((each) => each.name === name && each.sensitive);
}
