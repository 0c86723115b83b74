// Writes a line of the run's status log.
import { SENSITIVE } from '../../hcl/values.ts';
import type { StringValue } from '../../hcl/values.ts';
import { Failure } from '../../protocol/failures.ts';
import { stringifyJson } from '../../protocol/json.ts';
import type { JsonValue } from '../../protocol/json.ts';
import { statusMessageCharactersMax, statusValuesBytesMax } from '../../protocol/limits.ts';
import type { StatusPlan } from '../plan/operation-plan.ts';
import { maskText } from '../redact.ts';
import type { Masks } from '../redact.ts';
import { failedBy, nothing } from './operation.ts';
import type { OperationContext, OperationEnd } from './operation.ts';

/** Fails with `evaluation_failed` when the values are more than a status may carry; a long message is cut. */
export async function runStatus(plan: StatusPlan, context: OperationContext): Promise<OperationEnd> {
  const { sink, masks, title } = context;
  const values = masks.json(plan.values) as Readonly<Record<string, JsonValue>>;
  if (Buffer.byteLength(stringifyJson(values)) > statusValuesBytesMax) {
    return failedBy(
      new Failure(
        'evaluation_failed',
        `The values of a status may take ${statusValuesBytesMax} bytes of JSON.`,
      ),
    );
  }
  const message = cutText(publicText(plan.message, masks), statusMessageCharactersMax);
  await sink.status({ operation: title, message, values, status: plan.status });
  return { ...nothing, result: 'succeeded' };
}

/** A sensitive text is hidden as a whole, also one that is too short to be masked. */
export function publicText(text: StringValue | null, masks: Masks): string {
  if (text === null) return '';
  return (text.marks & SENSITIVE) !== 0 ? maskText : masks.text(text.value);
}

/** At most `charactersMax` UTF-16 code units, no half character at the end. */
export function cutText(text: string, charactersMax: number): string {
  if (text.length <= charactersMax) return text;
  return `${text
    .slice(0, charactersMax - 1)
    .toWellFormed()
    .replace(/\ufffd$/, '')}…`;
}
