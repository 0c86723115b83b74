// Foreign text in the keys of maps of environment variables and headers, and in values that choose code.
import type { Expression } from '../ast.ts';
import { constantText } from './constants.ts';
import { pathOf } from './references.ts';
import { taintsOf, taintsOfForKeys } from './taint.ts';
import type { Inputs, Taint } from './taint.ts';

/** Variables that make a loader, a shell or an interpreter run other code (rules.md 22). */
const loaders =
  /^(LD_.*|DYLD_.*|PATH|BASH_ENV|ENV|IFS|PS4|PROMPT_COMMAND|SHELLOPTS|BASHOPTS|NODE_.*|PYTHON.*|PERL5.*|PERL.*|RUBY.*|GIT_.*|JAVA_TOOL_OPTIONS|_JAVA_OPTIONS|CLASSPATH|EDITOR|VISUAL|PAGER|LESSOPEN|SHELL)$/;

/** May a variable of this name make its process run other code? Such a name never comes from a tainted map. */
export function isLoaderVariable(name: string): boolean {
  return loaders.test(name);
}

/** What is foreign in the keys of a map. */
export function keysOf(expression: Expression, inputs: Inputs): readonly Taint[] {
  switch (expression.node) {
    case 'parentheses':
      return keysOf(expression.inner, inputs);
    case 'conditional':
      return [...keysOf(expression.then, inputs), ...keysOf(expression.otherwise, inputs)];
    case 'object':
      return expression.items.flatMap(({ key, bareKey }) => (bareKey === null ? taintsOf(key, inputs) : []));
    case 'for':
      return taintsOfForKeys(expression, inputs);
    case 'call':
      return expression.name === 'merge' && !expression.expand
        ? expression.arguments.flatMap((argument) => keysOf(argument, inputs))
        : taintsOf(expression, inputs);
    default: {
      const direct = pathOf(expression) !== null;
      return taintsOf(expression, inputs).map((taint) =>
        direct && taint.part === 'whole' ? { ...taint, part: 'key' } : taint,
      );
    }
  }
}

/** What is foreign in the values of literal loader variables. */
export function valuesOfLoaders(expression: Expression, inputs: Inputs): readonly Taint[] {
  switch (expression.node) {
    case 'parentheses':
      return valuesOfLoaders(expression.inner, inputs);
    case 'conditional':
      return [expression.then, expression.otherwise].flatMap((each) => valuesOfLoaders(each, inputs));
    case 'call':
      return expression.arguments.flatMap((argument) => valuesOfLoaders(argument, inputs));
    case 'object':
      return expression.items
        .filter(({ key, bareKey }) => isLoaderVariable(bareKey ?? constantText(key) ?? ''))
        .flatMap(({ value }) => taintsOf(value, inputs));
    default:
      return [];
  }
}

/** The literal names of a map of environment variables or headers, with the keys that say them. */
export function literalNames(
  expression: Expression,
): readonly { readonly name: string; readonly key: Expression }[] {
  if (expression.node === 'parentheses') return literalNames(expression.inner);
  if (expression.node === 'conditional') {
    return [expression.then, expression.otherwise].flatMap(literalNames);
  }
  if (expression.node === 'call') return expression.arguments.flatMap(literalNames);
  if (expression.node !== 'object') return [];
  return expression.items.flatMap(({ key, bareKey }) => {
    const name = bareKey ?? constantText(key);
    return name === null ? [] : [{ name, key }];
  });
}
