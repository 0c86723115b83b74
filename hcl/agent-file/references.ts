// What an expression refers to: the variables that it does not bind itself, and the functions that it calls.
import type { CallExpression, Expression, Span, TemplatePart } from '../ast.ts';

/** A variable and the literal names that follow it: `var.region`, `operation["smoke-test"].output`. */
export interface Reference {
  readonly path: readonly string[];
  /** The whole path. */
  readonly span: Span;
  /** Each name of the path. */
  readonly spans: readonly Span[];
}

/** An expression inside another, and the names that `for` gives it. */
export interface Child {
  readonly expression: Expression;
  readonly bound: readonly string[];
}

const nothing: readonly string[] = [];

export function childrenOf(expression: Expression): readonly Child[] {
  switch (expression.node) {
    case 'literal':
    case 'variable':
    case 'invalid':
      return [];
    case 'template':
      return expression.parts.flatMap((part) => childrenOfPart(part, nothing));
    case 'attribute-access':
      return plain(expression.object);
    case 'index':
      return plain(expression.object, expression.key);
    case 'splat':
      return plain(
        expression.source,
        ...expression.each.flatMap((step) => (step.step === 'index' ? [step.key] : [])),
      );
    case 'call':
      return plain(...expression.arguments);
    case 'tuple':
      return plain(...expression.items);
    case 'object':
      return expression.items.flatMap(({ key, bareKey, value }) =>
        bareKey === null ? plain(key, value) : plain(value),
      );
    case 'for':
      return childrenOfFor(expression);
    case 'conditional':
      return plain(expression.condition, expression.then, expression.otherwise);
    case 'unary':
      return plain(expression.operand);
    case 'binary':
      return plain(expression.left, expression.right);
    case 'parentheses':
      return plain(expression.inner);
  }
}

function plain(...expressions: readonly Expression[]): readonly Child[] {
  return expressions.map((expression) => ({ expression, bound: nothing }));
}

function childrenOfFor(expression: Expression & { node: 'for' }): readonly Child[] {
  const { collection, keyName, valueName, key, value, condition } = expression;
  const bound = keyName === null ? [valueName] : [keyName, valueName];
  const inner = [key, value, condition].filter((each) => each !== null);
  return [...plain(collection), ...inner.map((each) => ({ expression: each, bound }))];
}

function childrenOfPart(part: TemplatePart, outer: readonly string[]): readonly Child[] {
  switch (part.part) {
    case 'text':
      return [];
    case 'interpolation':
      return [{ expression: part.expression, bound: outer }];
    case 'if':
      return [
        { expression: part.condition, bound: outer },
        ...[...part.then, ...(part.otherwise ?? [])].flatMap((each) => childrenOfPart(each, outer)),
      ];
    case 'for': {
      const bound = [...outer, part.value, ...(part.key === null ? [] : [part.key])];
      return [
        { expression: part.collection, bound: outer },
        ...part.body.flatMap((each) => childrenOfPart(each, bound)),
      ];
    }
  }
}

/** The text of an expression that is a plain string, without looking at variables. */
export function literalText(expression: Expression): string | null {
  if (expression.node === 'parentheses') return literalText(expression.inner);
  if (expression.node === 'literal' && expression.literal.kind === 'number') return expression.literal.digits;
  if (expression.node !== 'template') return null;
  const texts = expression.parts.map((part) => (part.part === 'text' ? part.value : null));
  return texts.includes(null) ? null : texts.join('');
}

/** The path that an expression is, if it is one: a variable followed by literal names only. */
export function pathOf(expression: Expression): Reference | null {
  if (expression.node === 'variable') {
    return { path: [expression.name], span: expression, spans: [expression] };
  }
  if (expression.node === 'attribute-access') {
    return extend(pathOf(expression.object), expression.name, expression.nameSpan, expression);
  }
  if (expression.node !== 'index') return null;
  const name = literalText(expression.key);
  return name === null ? null : extend(pathOf(expression.object), name, expression.key, expression);
}

function extend(base: Reference | null, name: string, nameSpan: Span, span: Span): Reference | null {
  return base === null ? null : { path: [...base.path, name], span, spans: [...base.spans, nameSpan] };
}

export interface References {
  readonly variables: readonly Reference[];
  readonly calls: readonly CallExpression[];
}

/** Everything that the expression refers to, in source order; each path as long as it is literal. */
export function referencesOf(expression: Expression): References {
  const variables: Reference[] = [];
  const calls: CallExpression[] = [];
  const visit = (at: Expression, bound: ReadonlySet<string>): void => {
    const path = pathOf(at);
    if (path !== null) {
      if (!bound.has(path.path[0] ?? '')) variables.push(path);
      return;
    }
    if (at.node === 'call') calls.push(at);
    for (const child of childrenOf(at)) {
      visit(child.expression, child.bound.length === 0 ? bound : new Set([...bound, ...child.bound]));
    }
  };
  visit(expression, new Set());
  return { variables, calls };
}
