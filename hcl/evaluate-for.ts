// For expressions (hashicorp/hcl, hclsyntax/spec.md "For Expressions"), and the iteration that a template's `for`
// shares with them: sequences in index order, objects and maps in the order of their keys, sets with each element as
// its own key.
import type { Expression, ForExpression } from './ast.ts';
import { convert } from './convert.ts';
import { describeKind, quoteName } from './describe.ts';
import { evaluateCondition } from './evaluate-conditional.ts';
import type { Scope } from './evaluate-scope.ts';
import type { Evaluation } from './evaluate-state.ts';
import { charge, checkSize, report } from './evaluate-state.ts';
import type { MappingValue, Marks, SequenceValue, Value } from './values.ts';
import {
  countValue,
  isMapping,
  isSequence,
  objectValue,
  SENSITIVE,
  STRING,
  stringValue,
  tupleValue,
  withMarks,
} from './values.ts';

const NO_FUNCTIONS: Scope['functions'] = new Map();

interface Loop {
  readonly keyName: string | null;
  readonly valueName: string;
  readonly collection: Expression;
}

/** Gathers what a loop makes; the marks of the collection and of every condition are the result's. */
interface Gathered {
  marks: Marks;
  readonly items: Value[];
  readonly groups: Map<string, Value[]>;
}

export function evaluateFor(
  evaluation: Evaluation,
  expression: ForExpression,
  scope: Scope,
): Value | undefined {
  const gathered: Gathered = { marks: 0, items: [], groups: new Map() };
  const marks = iterate(evaluation, { loop: expression, scope }, (inner) => {
    const condition = expression.condition && evaluateCondition(evaluation, expression.condition, inner);
    if (condition === undefined) return false;
    gathered.marks |= condition?.marks ?? 0;
    if (condition?.value === false) return true;
    return expression.key
      ? gatherEntry(evaluation, { expression, key: expression.key, inner }, gathered)
      : gatherItem(evaluation, { value: expression.value, inner }, gathered);
  });
  if (marks === undefined) return undefined;
  return checkSize(collect(expression, gathered, marks | gathered.marks));
}

function collect(expression: ForExpression, { items, groups }: Gathered, marks: Marks): Value {
  if (!expression.key) return tupleValue(items, marks);
  const entries = Array.from(groups, ([name, values]) => {
    const [only] = values;
    return [name, expression.group || !only ? tupleValue(values) : only] as const;
  });
  return objectValue(entries, marks);
}

function gatherItem(
  evaluation: Evaluation,
  { value, inner }: { value: Expression; inner: Scope },
  gathered: Gathered,
): boolean {
  const item = evaluation.evaluate(value, inner);
  if (item) gathered.items.push(item);
  return item !== undefined;
}

function gatherEntry(
  evaluation: Evaluation,
  { expression, key, inner }: { expression: ForExpression; key: Expression; inner: Scope },
  gathered: Gathered,
): boolean {
  const name = evaluateName(evaluation, key, inner);
  const item = evaluation.evaluate(expression.value, inner);
  if (!name || !item) return false;
  gathered.marks |= name.marks;
  const group = gathered.groups.get(name.value);
  if (!group) {
    gathered.groups.set(name.value, [item]);
    return true;
  }
  group.push(item);
  if (expression.group) return true;
  const shown =
    (name.marks & SENSITIVE) === 0 ? `the key ${quoteName(name.value)},` : 'one key, which is sensitive,';
  const detail = `Two elements give ${shown} and an object has each key once. Write \`...\` after the value to group them.`;
  report(evaluation, { summary: 'Duplicate object key', detail, span: key });
  return false;
}

/** The name that the key of an object gives, with the key's marks. */
export function evaluateName(
  evaluation: Evaluation,
  expression: Expression,
  scope: Scope,
): { value: string; marks: Marks } | undefined {
  const key = evaluation.evaluate(expression, scope);
  if (!key) return undefined;
  const name = convert(key, STRING);
  if ('value' in name && name.value.kind === 'string') return name.value;
  const detail = `The key of an object must be a text, and this is ${describeKind(key)}.`;
  return report(evaluation, { summary: 'Invalid object key', detail, span: expression });
}

/**
 * Calls `body` for each element in a scope that defines the loop's names, until it gives false. Gives the marks of the
 * collection, or undefined when there was an error.
 */
export function iterate(
  evaluation: Evaluation,
  { loop, scope }: { loop: Loop; scope: Scope },
  body: (inner: Scope) => boolean,
): Marks | undefined {
  const collection = evaluation.evaluate(loop.collection, scope);
  if (!collection) return undefined;
  if (!isSequence(collection) && !isMapping(collection)) {
    const hint = collection.kind === 'null' ? ' Give a default, for instance by coalesce().' : '';
    const detail = `A loop needs a list, tuple, set, map or object, and this is ${describeKind(collection)}.${hint}`;
    return report(evaluation, {
      summary: 'Iteration over a value without elements',
      detail,
      span: loop.collection,
    });
  }
  const variables = new Map<string, Value>();
  const inner: Scope = { source: scope.source, variables, functions: NO_FUNCTIONS, parent: scope };
  for (const [key, value] of elementsOf(collection)) {
    charge(evaluation, 1);
    if (loop.keyName !== null) variables.set(loop.keyName, withMarks(key, collection.marks));
    variables.set(loop.valueName, withMarks(value, collection.marks));
    if (!body(inner)) return undefined;
  }
  return collection.marks;
}

function* elementsOf(collection: SequenceValue | MappingValue): Generator<readonly [Value, Value]> {
  if (isMapping(collection)) {
    for (const [key, value] of collection.entries) yield [stringValue(key), value];
  } else {
    const isSet = collection.kind === 'set';
    for (const [at, item] of collection.items.entries()) yield [isSet ? item : countValue(at), item];
  }
}
