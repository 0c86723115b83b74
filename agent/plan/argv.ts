// Plans the words of a command. A list is argv, verbatim; a text is split, or given to a shell. Foreign words never
// become options (rules.md 22), and foreign text never reaches a shell unless it is a plain word (rules.md 23; R3).
import type { Expression } from '../../hcl/ast.ts';
import { isWord } from '../../hcl/agent-file/pattern-language.ts';
import { shellWord } from '../../hcl/agent-file/safe-words.ts';
import { convert } from '../../hcl/convert.ts';
import { isSequence, STRING, stringValue, withMarks } from '../../hcl/values.ts';
import type { StringValue, Value } from '../../hcl/values.ts';
import { Failure } from '../../protocol/failures.ts';
import type { Evaluator } from './evaluator.ts';
import { isTrue, piecesOf } from './pieces.ts';
import { needsShell, splitWords } from './split-words.ts';

interface Word {
  readonly text: StringValue;
  readonly foreign: boolean;
  /** True when the author wrote what it begins with. */
  readonly begun: boolean;
}

/**
 * The words of a command. `shell` runs a text that only a shell can read. Throws `evaluation_failed` for what is no
 * command, and `tainted_argument` for a foreign word that would be an option or would reach the shell.
 */
export function planArgv(command: Expression, evaluator: Evaluator, shell: string): readonly StringValue[] {
  const value = evaluator.value(command);
  if (value.kind === 'string') return planText(command, evaluator, { text: value, shell });
  const words = wordsOf(command, evaluator);
  const argv = words.map(({ text }) => text);
  if (argv.length === 0 || argv[0]?.value === '') throw evaluator.fail(command, 'the command is empty.');
  checkText(command, evaluator, argv);
  checkOptions(words);
  return argv;
}

function planText(
  command: Expression,
  evaluator: Evaluator,
  { text, shell }: { readonly text: StringValue; readonly shell: string },
): readonly StringValue[] {
  checkText(command, evaluator, [text]);
  if (!evaluator.action.compatibility) {
    for (const { text: piece, taints } of piecesOf(command, evaluator)) {
      const [taint] = taints;
      if (taint === undefined || isWord(piece, shellWord)) continue;
      throw new Failure(
        'tainted_argument',
        `${taint.name} is not a plain word and would be read by a shell: write the command as a list.`,
      );
    }
  }
  const { value, marks } = text;
  if (needsShell(value)) return [stringValue(shell), stringValue('-c'), text];
  const words = splitWords(value);
  if (words === null) throw evaluator.fail(command, 'a quote of the command is not closed.');
  if (words.length === 0 || words[0] === '') throw evaluator.fail(command, 'the command is empty.');
  return words.map((word) => stringValue(word, marks));
}

/** A list as far as its own expressions can be told apart, and each element's origin with it. */
function wordsOf(command: Expression, evaluator: Evaluator): readonly Word[] {
  switch (command.node) {
    case 'parentheses':
      return wordsOf(command.inner, evaluator);
    case 'conditional':
      return wordsOf(isTrue(command.condition, evaluator) ? command.then : command.otherwise, evaluator);
    case 'template': {
      const [part] = command.parts;
      if (part?.part === 'interpolation') return wordsOf(part.expression, evaluator);
      break;
    }
    case 'tuple':
      return command.items.map((item) => wordOf(item, evaluator));
    case 'call':
      if (command.name === 'concat' && !command.expand) {
        return command.arguments.flatMap((argument) => wordsOf(argument, evaluator));
      }
      break;
    default:
      break;
  }
  const list = evaluator.value(command);
  if (!isSequence(list)) throw evaluator.fail(command, 'a command is a list of texts, or one text.');
  const foreign = evaluator.foreign(command, list).length > 0;
  return list.items.map((item) => ({
    text: textOf(command, evaluator, withMarks(item, list.marks)),
    foreign,
    begun: !foreign,
  }));
}

function wordOf(item: Expression, evaluator: Evaluator): Word {
  const value = evaluator.value(item);
  const pieces = piecesOf(item, evaluator).filter(({ text }) => text !== '');
  const foreign = pieces.some(({ taints }) => taints.length > 0);
  return { text: textOf(item, evaluator, value), foreign, begun: pieces[0]?.taints.length === 0 };
}

function textOf(expression: Expression, evaluator: Evaluator, value: Value): StringValue {
  const converted = convert(value, STRING);
  if ('value' in converted && converted.value.kind === 'string') return converted.value;
  const problem = 'problem' in converted ? converted.problem : 'it is null';
  throw evaluator.fail(expression, `an argument is a text: ${problem}.`);
}

function checkText(command: Expression, evaluator: Evaluator, words: readonly StringValue[]): void {
  if (words.some(({ value }) => value.includes('\0'))) {
    throw evaluator.fail(command, 'a command cannot contain the character NUL.');
  }
}

/** After a literal `--` programs read no options; after a literal beginning the word is what its author began. */
function checkOptions(words: readonly Word[]): void {
  let ended = false;
  for (const [at, { text, foreign, begun }] of words.entries()) {
    if (at > 0 && !ended && foreign && !begun && text.value.startsWith('-')) {
      throw new Failure(
        'tainted_argument',
        `Argument ${at} comes from an input and begins with "-", so the program would take it for an option. Put "--" before it in the command, or a literal beginning such as "--name=".`,
      );
    }
    if (!foreign && text.value === '--') ended = true;
  }
}
