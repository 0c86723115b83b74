// JSON that can stand inside HTML and JavaScript: what `jsonencode`, `%q` and `%#v` write.
import { valueToJson } from '../json.ts';
import type { Value } from '../values.ts';

/** The value as JSON with `<`, `>`, `&`, U+2028 and U+2029 as escapes; these stand only inside strings there. */
export function webSafeJson(value: Value): string {
  return valueToJson(value).replace(/[<>&\u2028\u2029]/g, (character) => {
    return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
  });
}
