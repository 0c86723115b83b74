// Random values as literals and JSON can make them.
import fc from 'fast-check';
import type { Value } from '../../hcl/values.ts';
import { boolValue, countValue, NULL, objectValue, stringValue, tupleValue } from '../../hcl/values.ts';

export const { value: anyValue } = fc.letrec<{ value: Value }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 4 },
    fc.constant<Value>(NULL),
    fc.boolean().map((value) => boolValue(value)),
    fc.integer().map((count) => countValue(count)),
    fc.string({ unit: 'grapheme' }).map((text) => stringValue(text)),
    fc.array(tie('value'), { maxLength: 4 }).map((items) => tupleValue(items)),
    fc
      .array(fc.tuple(fc.oneof(fc.string(), fc.constantFrom('__proto__', 'constructor')), tie('value')), {
        maxLength: 4,
      })
      .map((entries) => objectValue(entries)),
  ),
}));
