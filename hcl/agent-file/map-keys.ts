// Foreign text in the keys of maps of environment variables and headers, and in values that choose code.
import type { Expression } from '../ast.ts';
import { constantText } from './constants.ts';
import { pathOf } from './references.ts';
import { taintsOf, taintsOfForKeys } from './taint.ts';
import type { Inputs, Taint } from './taint.ts';

/** Variables that make a loader, a shell, an interpreter or a tool run other code (rules.md 22). */
const loaders = new RegExp(
  `^(?:${[
    'LD_.*|DYLD_.*|PATH|IFS|HOME|XDG_CONFIG_HOME',
    'BASH_ENV|BASH_FUNC_.*|BASHOPTS|SHELLOPTS|ENV|PROMPT_COMMAND|PS4|SHELL|ZDOTDIR',
    'NODE_OPTIONS|NODE_PATH|NODE_REPL_.*|NODE_EXTRA_CA_CERTS|NPM_CONFIG_.*|PYTHON.*|PERL.*|RUBYOPT|RUBYLIB|PHPRC',
    'PHP_INI_SCAN_DIR|LUA_.*|CLASSPATH|_?JAVA_.*|JDK_JAVA_OPTIONS|MAVEN_OPTS|GRADLE_OPTS',
    'GIT_.*|SSH_ASKPASS|EDITOR|VISUAL|PAGER|LESSOPEN|LESSCLOSE|BROWSER|MANPAGER',
    'MAKEFLAGS|RUSTC_WRAPPER|CARGO_.*|KUBECONFIG|DOCKER_HOST|DOCKER_CONFIG|TF_CLI_CONFIG_FILE',
  ].join('|')})$`,
  'i',
);

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
