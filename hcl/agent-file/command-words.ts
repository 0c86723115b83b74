// The words of a `run` command, as far as they can be known without running anything.
import type { Expression, Span } from '../ast.ts';
import { standardFunctions } from '../functions/standard.ts';
import { constantText } from './constants.ts';
import { pathOf } from './references.ts';
import { taintsOf } from './taint.ts';
import type { Inputs, Taint } from './taint.ts';

export interface Word {
  readonly span: Span;
  /** Every text that the word may be, when the file's author wrote all of them; null when it can be another. */
  readonly texts: readonly string[] | null;
  /** The literal text that it begins with. */
  readonly prefix: string;
  readonly taints: readonly Taint[];
  /** True when it stands for any number of words. */
  readonly many: boolean;
}

/** A list is argv; everything else is a text that is split into words, or given to a shell. */
export type CommandForm =
  | { readonly form: 'argv'; readonly words: readonly Word[] }
  | { readonly form: 'text'; readonly expression: Expression };

/** The forms that a command may have: more than one where a conditional chooses. */
export function commandForms(expression: Expression, inputs: Inputs): readonly CommandForm[] {
  if (expression.node === 'parentheses') return commandForms(expression.inner, inputs);
  if (expression.node === 'conditional') {
    return [expression.then, expression.otherwise].flatMap((branch) => commandForms(branch, inputs));
  }
  const [only, second] = expression.node === 'template' ? expression.parts : [];
  if (only?.part === 'interpolation' && second === undefined) return commandForms(only.expression, inputs);
  return isList(expression, inputs)
    ? [{ form: 'argv', words: wordsOfList(expression, inputs) }]
    : [{ form: 'text', expression }];
}

function isList(expression: Expression, inputs: Inputs): boolean {
  switch (expression.node) {
    case 'tuple':
    case 'splat':
      return true;
    case 'for':
      return expression.form === 'tuple';
    case 'parentheses':
      return isList(expression.inner, inputs);
    case 'call':
      return ['list', 'set', 'tuple'].includes(standardFunctions.get(expression.name)?.returns.kind ?? '');
    default: {
      const [root, name, ...rest] = pathOf(expression)?.path ?? [];
      return root === 'var' && rest.length === 0 && inputs.get(name ?? '')?.type.kind === 'list';
    }
  }
}

function wordsOfList(expression: Expression, inputs: Inputs): readonly Word[] {
  if (expression.node === 'parentheses') return wordsOfList(expression.inner, inputs);
  if (expression.node === 'tuple') return expression.items.map((item) => wordOf(item, inputs));
  if (expression.node === 'call' && expression.name === 'concat' && !expression.expand) {
    return expression.arguments.flatMap((argument) => wordsOfList(argument, inputs));
  }
  const taints = taintsOf(expression, inputs);
  return [{ span: expression, texts: null, prefix: '', taints, many: true }];
}

function wordOf(expression: Expression, inputs: Inputs): Word {
  const texts = textsOf(expression);
  const taints = texts === null ? taintsOf(expression, inputs) : [];
  return { span: expression, texts, prefix: texts?.[0] ?? literalPrefix(expression), taints, many: false };
}

/** The texts between which the author lets an expression choose; null when there is anything else in it. */
function textsOf(expression: Expression): readonly string[] | null {
  if (expression.node === 'parentheses') return textsOf(expression.inner);
  if (expression.node === 'conditional') {
    const branches = [textsOf(expression.then), textsOf(expression.otherwise)];
    return branches.some((texts) => texts === null) ? null : branches.flatMap((texts) => texts ?? []);
  }
  const text = constantText(expression);
  return text === null ? null : [text];
}

/**
 * The literal text that every value of the expression begins with, empty where there is none: what stands before the
 * first interpolation of a template. A plan lets `--flag=` before an input pass, and takes a literal folder from it.
 */
export function literalPrefix(expression: Expression): string {
  if (expression.node === 'parentheses') return literalPrefix(expression.inner);
  if (expression.node !== 'template') return '';
  let prefix = '';
  for (const part of expression.parts) {
    if (part.part !== 'text') break;
    prefix += part.value;
  }
  return prefix;
}
