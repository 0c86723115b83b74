// Taking an element out of a value (hashicorp/hcl, hclsyntax/spec.md "Index Operator" and "Attribute Access
// Operator"). Only what a value holds is found: names that JavaScript objects have mean nothing here.
import type { AttributeAccess, IndexAccess, Span } from './ast.ts';
import { convert } from './convert.ts';
import type { Decimal } from './decimal.ts';
import { isWhole, printDecimal, toBigInt } from './decimal.ts';
import { cutText, describeKind, listNames, nearName, quoteName } from './describe.ts';
import type { Scope } from './evaluate-scope.ts';
import type { Evaluation } from './evaluate-state.ts';
import { report } from './evaluate-state.ts';
import type { MappingValue, Marks, SequenceValue, Value } from './values.ts';
import { isMapping, isSequence, NUMBER, SENSITIVE, STRING, withMarks } from './values.ts';

export function evaluateAttribute(
  evaluation: Evaluation,
  expression: AttributeAccess,
  scope: Scope,
): Value | undefined {
  const object = evaluation.evaluate(expression.object, scope);
  return object && takeAttribute(evaluation, object, { name: expression.name, span: expression.nameSpan });
}

export function evaluateIndex(
  evaluation: Evaluation,
  expression: IndexAccess,
  scope: Scope,
): Value | undefined {
  const value = evaluation.evaluate(expression.object, scope);
  const key = evaluation.evaluate(expression.key, scope);
  return value && key && takeIndex(evaluation, value, { key, span: expression.key });
}

/** The attribute of an object, or the element of a map, with the marks of both. */
export function takeAttribute(
  evaluation: Evaluation,
  value: Value,
  { name, span }: { name: string; span: Span },
): Value | undefined {
  if (isMapping(value)) {
    const found = value.entries.get(name);
    return found ? withMarks(found, value.marks) : missingName(evaluation, value, { name, marks: 0, span });
  }
  const detail =
    value.kind === 'null'
      ? `This value is null, so it has no attribute ${quoteName(name)}. A default is given by try().`
      : isSequence(value)
        ? `A ${value.kind} has no attributes. To read "${name}" of every element write [*].${name}, of one [0].${name}.`
        : `Only objects and maps have attributes, and this value is ${describeKind(value)}.`;
  return report(evaluation, { summary: 'Unsupported attribute', detail, span });
}

/** The element at a position or under a key, with the marks of the collection and of the key. */
export function takeIndex(
  evaluation: Evaluation,
  value: Value,
  { key, span }: { key: Value; span: Span },
): Value | undefined {
  const summary = 'Invalid index';
  if (value.kind === 'null') {
    return report(evaluation, {
      summary,
      detail: 'This value is null, so it has no elements. A default is given by try().',
      span,
    });
  }
  if (key.kind === 'null') {
    return report(evaluation, { summary, detail: 'The key of an element cannot be null.', span });
  }
  if (value.kind === 'set') {
    const detail = 'The elements of a set have no positions. Convert it by tolist() first.';
    return report(evaluation, { summary, detail, span });
  }
  if (isSequence(value)) return takePosition(evaluation, value, { key, span });
  if (isMapping(value)) return takeKey(evaluation, value, { key, span });
  const detail = `Only lists, tuples, maps and objects have elements, and this value is ${describeKind(value)}.`;
  return report(evaluation, { summary, detail, span });
}

function takePosition(
  evaluation: Evaluation,
  value: SequenceValue,
  { key, span }: { key: Value; span: Span },
): Value | undefined {
  const converted = convert(key, NUMBER);
  const summary = 'Invalid index';
  if ('problem' in converted || converted.value.kind !== 'number') {
    const problem = 'problem' in converted ? converted.problem : 'a number is required';
    return report(evaluation, {
      summary,
      detail: `An element of a ${value.kind} has a position: ${problem}.`,
      span,
    });
  }
  const position = converted.value.value;
  const at = isWhole(position) ? toBigInt(position) : -1n;
  const item = at < 0n || at >= BigInt(value.items.length) ? undefined : value.items[Number(at)];
  if (item) return withMarks(item, value.marks | key.marks);
  return report(evaluation, {
    summary,
    detail: missingPosition(value, { position, marks: key.marks }),
    span,
  });
}

function missingPosition(
  value: SequenceValue,
  { position, marks }: { position: Decimal; marks: Marks },
): string {
  if (((value.marks | marks) & SENSITIVE) !== 0)
    return 'There is no element at this position, which is sensitive.';
  const { length } = value.items;
  const last = length === 1 ? 'the only one is at 0' : `the last one is at ${length - 1}`;
  const has =
    length === 0 ? `the ${value.kind} is empty` : `of the ${length} elements of the ${value.kind} ${last}`;
  const hint = position.coefficient < 0n ? ' Positions count from 0 and are never negative.' : '';
  return `There is no element at ${cutText(printDecimal(position))}: ${has}.${hint}`;
}

function takeKey(
  evaluation: Evaluation,
  value: MappingValue,
  { key, span }: { key: Value; span: Span },
): Value | undefined {
  const converted = convert(key, STRING);
  if ('problem' in converted || converted.value.kind !== 'string') {
    const problem = 'problem' in converted ? converted.problem : 'a string is required';
    const detail = `An element of ${describeKind(value)} has a name: ${problem}.`;
    return report(evaluation, { summary: 'Invalid index', detail, span });
  }
  const name = converted.value.value;
  const found = value.entries.get(name);
  if (found) return withMarks(found, value.marks | key.marks);
  return missingName(evaluation, value, { name, marks: key.marks, span });
}

function missingName(
  evaluation: Evaluation,
  value: MappingValue,
  { name, marks, span }: { name: string; marks: number; span: Span },
): undefined {
  const what = value.kind === 'object' ? 'object has no attribute' : 'map has no element';
  const summary = value.kind === 'object' ? 'Unsupported attribute' : 'Invalid index';
  if (((value.marks | marks) & SENSITIVE) !== 0) {
    return report(evaluation, {
      summary,
      detail: `This ${what} of that name. Its names are sensitive.`,
      span,
    });
  }
  const names = [...value.entries.keys()];
  const hint = names.length === 0 ? 'It is empty.' : (nearName(name, names) ?? `It has ${listNames(names)}.`);
  return report(evaluation, { summary, detail: `This ${what} named ${quoteName(name)}. ${hint}`, span });
}
