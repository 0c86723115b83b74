// Where an expression's value can contain text that the file's author did not write (rules.md 21 and 23). A pure
// reading of the syntax tree: choosing between texts of the author is not taint, and no function takes taint away.
import type { CallExpression, Expression, Span, TemplatePart } from '../ast.ts';
import { printDecimal } from '../decimal.ts';
import type { InputDefinition } from './definition.ts';
import { findBuiltIn } from './names.ts';
import { isWord, provePattern } from './pattern-language.ts';
import type { WordLanguage } from './pattern-language.ts';
import { pathOf } from './references.ts';
import type { Reference } from './references.ts';

/** One source of foreign text, as it arrives in a value. */
export interface Taint {
  /** As the file says it, for instance `var.version`. */
  readonly name: string;
  readonly span: Span;
  /** The input whose value arrives unchanged, or null: then it can be any text. */
  readonly input: InputDefinition | null;
  /** Of a list or map: one element, one key, or all of it. */
  readonly part: 'whole' | 'element' | 'key';
  /** The function that it went through, which may have made anything of it. */
  readonly through: string | null;
}

/** What the analysis must know of an action: its inputs, by name. */
export type Inputs = ReadonlyMap<string, InputDefinition>;

/** What the names that `for` binds may contain. */
type Bindings = ReadonlyMap<string, readonly Taint[]>;

/** Functions that answer one of their arguments as it is. */
const choosers = new Set(['coalesce', 'try', 'sensitive', 'nonsensitive', 'tostring']);

/** Everything foreign that the value of the expression can contain; empty when its author wrote all of it. */
export function taintsOf(
  expression: Expression,
  inputs: Inputs,
  bindings: Bindings = new Map(),
): readonly Taint[] {
  const visit = (each: Expression): readonly Taint[] => taintsOf(each, inputs, bindings);
  switch (expression.node) {
    case 'literal':
    case 'invalid':
      return [];
    case 'parentheses':
      return visit(expression.inner);
    case 'template':
      return expression.parts.flatMap((part) => taintsOfPart(part, inputs, bindings));
    case 'variable':
    case 'attribute-access':
    case 'index':
      return taintsOfAccess(expression, inputs, bindings);
    case 'splat':
      return visit(expression.source).map((taint) =>
        taint.input?.type.kind === 'list' && taint.part === 'whole' ? { ...taint, part: 'element' } : taint,
      );
    case 'call':
      return taintsOfCall(expression, visit);
    case 'tuple':
      return expression.items.flatMap(visit);
    case 'object':
      return expression.items.flatMap(({ key, bareKey, value }) => [
        ...(bareKey === null ? visit(key) : []),
        ...visit(value),
      ]);
    case 'for':
      return taintsOfFor(expression, inputs, bindings);
    case 'conditional':
      return [...visit(expression.then), ...visit(expression.otherwise)];
    case 'unary':
      return expression.operator === '!' ? [] : opaque(visit(expression.operand), '-');
    case 'binary':
      return /^[-+*/%]$/.test(expression.operator)
        ? opaque([...visit(expression.left), ...visit(expression.right)], expression.operator)
        : [];
  }
}

function taintsOfPart(part: TemplatePart, inputs: Inputs, bindings: Bindings): readonly Taint[] {
  switch (part.part) {
    case 'text':
      return [];
    case 'interpolation':
      return taintsOf(part.expression, inputs, bindings);
    case 'if':
      return [...part.then, ...(part.otherwise ?? [])].flatMap((each) =>
        taintsOfPart(each, inputs, bindings),
      );
    case 'for': {
      const inner = bind(part, inputs, bindings);
      return part.body.flatMap((each) => taintsOfPart(each, inputs, inner));
    }
  }
}

function taintsOfFor(
  expression: Expression & { node: 'for' },
  inputs: Inputs,
  bindings: Bindings,
): readonly Taint[] {
  const { keyName, valueName, collection, key, value } = expression;
  const inner = bind({ key: keyName, value: valueName, collection }, inputs, bindings);
  return [...(key === null ? [] : taintsOf(key, inputs, inner)), ...taintsOf(value, inputs, inner)];
}

/** What is foreign in the keys that a `for` in its object form makes. */
export function taintsOfForKeys(expression: Expression & { node: 'for' }, inputs: Inputs): readonly Taint[] {
  const { keyName, valueName, collection, key } = expression;
  const inner = bind({ key: keyName, value: valueName, collection }, inputs, new Map());
  return key === null ? [] : taintsOf(key, inputs, inner);
}

/** The bindings inside a `for`: the index of a list is a number, everything else is as foreign as the collection. */
function bind(
  loop: { readonly key: string | null; readonly value: string; readonly collection: Expression },
  inputs: Inputs,
  outer: Bindings,
): Bindings {
  const all = taintsOf(loop.collection, inputs, outer);
  const root = pathOf(loop.collection)?.path[0];
  const direct = root !== undefined && !outer.has(root);
  const part = (which: 'key' | 'element'): readonly Taint[] =>
    direct ? all.map((taint) => (taint.part === 'whole' ? { ...taint, part: which } : taint)) : all;
  const isList = direct && all.every(({ input }) => input?.type.kind === 'list');
  const inner = new Map(outer).set(loop.value, part('element'));
  return loop.key === null ? inner : inner.set(loop.key, isList ? [] : part('key'));
}

/** A reference, or a step into another value; the key of an index only chooses, it does not arrive in the value. */
function taintsOfAccess(
  expression: Expression & { node: 'variable' | 'attribute-access' | 'index' },
  inputs: Inputs,
  bindings: Bindings,
): readonly Taint[] {
  const reference = pathOf(expression);
  const bound = reference === null ? undefined : bindings.get(reference.path[0] ?? '');
  if (reference !== null && bound === undefined) return taintsOfReference(reference, inputs);
  if (bound !== undefined && expression.node === 'variable') return bound;
  if (expression.node === 'variable') return [];
  const direct = pathOf(expression.object) !== null;
  return taintsOf(expression.object, inputs, bindings).map((taint) =>
    direct && bound === undefined && taint.part === 'whole' ? { ...taint, part: 'element' } : taint,
  );
}

function taintsOfReference({ path, span }: Reference, inputs: Inputs): readonly Taint[] {
  const [root, name] = path;
  if (findBuiltIn(path)?.own === true) return [];
  const input = root === 'var' && name !== undefined ? (inputs.get(name) ?? null) : null;
  const part = input !== null && path.length > 2 ? 'element' : 'whole';
  return [{ name: path.join('.'), span, input, part, through: null }];
}

function taintsOfCall(call: CallExpression, visit: (each: Expression) => readonly Taint[]): readonly Taint[] {
  const taints = call.arguments.flatMap(visit);
  if (choosers.has(call.name)) return taints;
  return opaque(taints, call.name);
}

/** After a computation the taint is the same, and nothing is known of the text any more. */
function opaque(taints: readonly Taint[], through: string): readonly Taint[] {
  return taints.map((taint) => ({ ...taint, input: null, part: 'whole', through }));
}

/** Why a taint may not stand where only words of a language may; null when it may. */
export function unsafeReason(taint: Taint, words: WordLanguage): string | null {
  const { input, through } = taint;
  if (through !== null) {
    const what = /^\w/.test(through) ? `function \`${through}\`` : `operator \`${through}\``;
    return `it goes through the ${what}, after which it can be any text`;
  }
  if (input === null) return 'it can be any text';
  switch (input.type.kind) {
    case 'string':
      return unsafeTexts(input, words);
    case 'number':
      return unsafeNumber(input, words);
    case 'bool':
      return ['true', 'false'].every((text) => isWord(text, words)) ? null : 'it is `true` or `false`';
    case 'list':
      return unsafeTexts(input, words);
    case 'map': {
      const keys = taint.part === 'element' ? null : unsafePattern(input.keyPattern, words, 'key_pattern');
      return keys ?? (taint.part === 'key' ? null : unsafeTexts(input, words));
    }
    default:
      return 'it can be anything';
  }
}

/** Text inputs, and the elements of lists and maps. */
function unsafeTexts(input: InputDefinition, words: WordLanguage): string | null {
  if (input.options !== undefined) {
    const texts = input.options.map((option) => (option.kind === 'string' ? option.value : ''));
    const odd = texts.find((text) => !isWord(text, words));
    return odd === undefined ? null : `its options include ${JSON.stringify(odd)}`;
  }
  const nonEmpty = input.type.kind === 'string' && (input.minLength ?? 0) > 0;
  return unsafePattern(input.pattern, words, 'pattern', nonEmpty);
}

function unsafePattern(
  pattern: string | undefined,
  words: WordLanguage,
  attribute: string,
  nonEmpty = false,
): string | null {
  if (pattern === undefined) return `its input has no \`${attribute}\`, so it can be any text`;
  const verdict = provePattern(pattern, words, { nonEmpty });
  if (verdict.proven) return null;
  return verdict.example === null
    ? `nothing can be proved of its \`${attribute}\``
    : `its \`${attribute}\` allows ${JSON.stringify(verdict.example)}`;
}

function unsafeNumber(input: InputDefinition, words: WordLanguage): string | null {
  if (input.options !== undefined) {
    const texts = input.options.map((option) => (option.kind === 'number' ? printDecimal(option.value) : ''));
    const odd = texts.find((text) => !isWord(text, words));
    return odd === undefined ? null : `its options include ${odd}`;
  }
  const negative = input.min === undefined || input.min.coefficient < 0n;
  const verdict = provePattern(negative ? '^-?[0-9]+(\\.[0-9]+)?$' : '^[0-9]+(\\.[0-9]+)?$', words);
  if (verdict.proven) return null;
  return negative ? 'it can be negative (`min = 0` would exclude that)' : 'it is a number';
}
