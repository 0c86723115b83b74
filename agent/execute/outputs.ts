// The structured results of a run: evaluated when everything else has succeeded.
import type { OutputDefinition } from '../../hcl/agent-file/definition.ts';
import { marksOf, SENSITIVE } from '../../hcl/values.ts';
import { Failure } from '../../protocol/failures.ts';
import { stringifyJson } from '../../protocol/json.ts';
import { runOutputValueBytesMax } from '../../protocol/limits.ts';
import type { Outcome } from '../../protocol/outcome.ts';
import type { Evaluator } from '../plan/evaluator.ts';
import { publicJson } from '../plan/public-json.ts';
import type { Masks } from '../redact.ts';

/**
 * Every output by name. A sensitive one has no value here: it never leaves the private network. Throws
 * `evaluation_failed`.
 */
export function evaluateOutputs(
  outputs: readonly OutputDefinition[],
  evaluator: Evaluator,
  masks: Masks,
): Outcome['outputs'] {
  return Object.fromEntries(
    outputs.map((output) => {
      const value = evaluator.value(output.value);
      if (output.sensitive || (value.marks & SENSITIVE) !== 0) {
        return [output.name, { value: null, sensitive: true }];
      }
      const json = masks.json(publicJson(value));
      if (Buffer.byteLength(stringifyJson(json)) > runOutputValueBytesMax) {
        throw new Failure(
          'evaluation_failed',
          `The output ${output.name} takes more than ${runOutputValueBytesMax} bytes of JSON.`,
        );
      }
      return [output.name, { value: json, sensitive: (marksOf(value) & SENSITIVE) !== 0 }];
    }),
  );
}
