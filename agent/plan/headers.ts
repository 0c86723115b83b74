// Plans the headers of a request: no name that belongs to the connection, nothing that could end a header or begin
// another (RFC 9110, sections 5.1 and 5.5; security.md, section 6).
import type { Expression } from '../../hcl/ast.ts';
import { convert } from '../../hcl/convert.ts';
import { isMapping, STRING, withMarks } from '../../hcl/values.ts';
import { Failure } from '../../protocol/failures.ts';
import type { Evaluator } from './evaluator.ts';
import type { PlannedHeader } from './operation-plan.ts';

/** Set by the connection itself, or read by those in between. */
const reserved =
  /^(?:host|content-length|transfer-encoding|connection|keep-alive|upgrade|te|trailer|expect|http2-settings|proxy-.*)$/i;

/** Throws `invalid_header` for a name or a value that cannot be sent; the message never has the value in it. */
export function planHeaders(expression: Expression | null, evaluator: Evaluator): readonly PlannedHeader[] {
  if (expression === null) return [];
  const found = evaluator.value(expression);
  if (!isMapping(found)) throw evaluator.fail(expression, '`headers` is a map of texts.');
  const headers: PlannedHeader[] = [];
  const names = new Set<string>();
  for (const [name, member] of found.entries) {
    if (member.kind === 'null') continue;
    checkName(name, names);
    const converted = convert(member, STRING);
    if (!('value' in converted) || converted.value.kind !== 'string') {
      throw evaluator.fail(expression, `the header ${name} is not a text.`);
    }
    const value = withMarks(converted.value, found.marks);
    checkValue(name, value.value);
    headers.push({ name, value });
  }
  return headers;
}

function checkName(name: string, names: Set<string>): void {
  const shown = JSON.stringify(name);
  if (!/^[A-Za-z0-9!#$%&'*+.^_`|~-]+$/.test(name)) {
    throw new Failure('invalid_header', `${shown} cannot be the name of a header.`);
  }
  if (reserved.test(name)) {
    throw new Failure('invalid_header', `The header ${shown} belongs to the connection: it cannot be set.`);
  }
  if (names.has(name.toLowerCase())) {
    throw new Failure('invalid_header', `The header ${shown} is given twice.`);
  }
  names.add(name.toLowerCase());
}

/** Visible Latin-1, spaces and tabs, no white space at the ends, which a recipient would drop. */
function checkValue(name: string, value: string): void {
  if (/[^\t\x20-\x7e\x80-\xff]/.test(value)) {
    throw new Failure(
      'invalid_header',
      `The value of the header ${JSON.stringify(name)} has a line end or another character that headers cannot carry. A secret from a file may have one at its end: use trimspace().`,
    );
  }
  if (value.trim() !== value) {
    throw new Failure(
      'invalid_header',
      `The value of the header ${JSON.stringify(name)} has spaces at an end.`,
    );
  }
}
