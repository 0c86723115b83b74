// Tells the masks of a run every sensitive leaf of a value, before anything is done with the value (rules.md 26).
import { printDecimal } from '../../hcl/decimal.ts';
import { SENSITIVE, visitLeaves } from '../../hcl/values.ts';
import type { Value } from '../../hcl/values.ts';
import type { Masks } from '../redact.ts';

/** `onShort` is called for a sensitive text that is too short to be masked. */
export function registerLeaves(
  value: Value,
  { masks, onShort }: { readonly masks: Masks; readonly onShort: () => void },
): void {
  visitLeaves(value, (leaf, marks) => {
    if ((marks & SENSITIVE) === 0) return;
    if (leaf.kind === 'number') masks.register(printDecimal(leaf.value));
    if (leaf.kind === 'string' && !masks.register(leaf.value) && leaf.value !== '') onShort();
  });
}
