// `env`, `file` and `secret`: the functions of the language that read on the agent's machine. An expression is
// evaluated at once and reading takes time, so the functions answer from what was read before and note what is
// missing; the evaluation is then done again. Evaluation has no effects, so nobody can tell.
import { agentFunctions } from '../hcl/agent-file/names.ts';
import { FunctionProblem } from '../hcl/functions/function.ts';
import type { HclFunction } from '../hcl/functions/function.ts';
import { marksOf, SENSITIVE, stringValue, TAINTED } from '../hcl/values.ts';
import type { Value } from '../hcl/values.ts';
import { Failure } from '../protocol/failures.ts';
import { lookupRoundsMax } from '../protocol/limits.ts';

export interface Lookup {
  readonly kind: 'env' | 'file' | 'secret';
  readonly name: string;
}

/** What a lookup found, or a clause that says why there is nothing. */
export type Found = { readonly text: string } | { readonly problem: string };

/** Reads one thing, by the policy of the agent's settings. Never rejects. */
export type ReadLookup = (lookup: Lookup) => Promise<Found>;

/** Hands out the agent's own functions; those of the language are the same for everybody. */
export interface AgentFunctions {
  /**
   * Runs `evaluate` with the functions, as often as it takes until everything that it asks for has been read.
   * What `evaluate` throws counts only in the last round.
   */
  settle<Result>(evaluate: (functions: ReadonlyMap<string, HclFunction>) => Result): Promise<Result>;
}

/** Each thing is read once, so that all expressions of a run see the same. */
export function createAgentFunctions(read: ReadLookup): AgentFunctions {
  const found = new Map<string, Found>();
  const wanted = new Map<string, Lookup>();

  function lookUp(kind: Lookup['kind'], name: Value): Value {
    if (name.kind !== 'string') throw new FunctionProblem('a text is required', { argument: 0 });
    const key = `${kind}:${name.value}`;
    const result = found.get(key);
    if (result === undefined) {
      wanted.set(key, { kind, name: name.value });
      throw new FunctionProblem('it has not been read yet');
    }
    if ('problem' in result) throw new FunctionProblem(result.problem);
    return stringValue(result.text, SENSITIVE | (marksOf(name) & TAINTED));
  }

  const functions: ReadonlyMap<string, HclFunction> = new Map(
    [...agentFunctions].map(([name, declared]) => [
      name,
      { ...declared, call: ([argument]) => lookUp(name as Lookup['kind'], argument ?? stringValue('')) },
    ]),
  );

  async function settle<Result>(
    evaluate: (functions: ReadonlyMap<string, HclFunction>) => Result,
  ): Promise<Result> {
    for (let round = 0; round < lookupRoundsMax; round += 1) {
      wanted.clear();
      const attempt = attempted(() => evaluate(functions));
      if (wanted.size === 0) {
        if ('error' in attempt) throw attempt.error;
        return attempt.result;
      }
      const asked = [...wanted];
      const results = await Promise.all(asked.map(([, lookup]) => read(lookup)));
      for (const [at, [key]] of asked.entries())
        found.set(key, results[at] ?? { problem: 'it was not read' });
    }
    throw new Failure('evaluation_failed', 'An expression asks for ever more files and secrets.');
  }

  return { settle };
}

function attempted<Result>(
  evaluate: () => Result,
): { readonly result: Result } | { readonly error: unknown } {
  try {
    return { result: evaluate() };
  } catch (error) {
    return { error };
  }
}
