// The console of `wayside hcl eval`: an expression a line, or several lines while one is unfinished. The arrow keys
// bring back earlier lines of this session, and Tab completes names.
import { createInterface } from 'node:readline';
import { standardFunctions } from '../../hcl/functions/standard.ts';
import { parseExpression } from '../../hcl/parse.ts';
import type { Value } from '../../hcl/values.ts';
import type { Printer } from '../print.ts';

interface ConsoleOptions {
  readonly input: NodeJS.ReadStream;
  readonly print: Printer;
  readonly variables: ReadonlyMap<string, Value>;
  /** Evaluates a text and prints what comes of it. */
  readonly answer: (text: string) => void;
}

const PROMPT = '> ';
const CONTINUED = '. ';

/** Reads and answers until the input ends (Ctrl-D), or the line `exit`. Ctrl-C drops an unfinished expression. */
export async function runConsole({ input, print, variables, answer }: ConsoleOptions): Promise<void> {
  print.err('One expression a line. Tab completes names, Ctrl-D leaves.');
  const names = [...variables.keys(), ...standardFunctions.keys()];
  const lines = createInterface({
    input,
    output: process.stderr,
    terminal: true,
    prompt: PROMPT,
    completer: (line: string) => complete(line, names),
  });
  let unfinished: string[] = [];
  const prompt = (): void => {
    lines.setPrompt(unfinished.length > 0 ? CONTINUED : PROMPT);
    lines.prompt();
  };
  lines.on('SIGINT', () => {
    unfinished = [];
    lines.write(null, { ctrl: true, name: 'u' });
    prompt();
  });
  prompt();
  for await (const line of lines) {
    if (line.trim() === 'exit' && unfinished.length === 0) break;
    const text = [...unfinished, line].join('\n');
    unfinished = line.trim() !== '' && isUnfinished(text) ? [...unfinished, line] : [];
    if (unfinished.length === 0 && text.trim() !== '') answer(text);
    prompt();
  }
  lines.close();
}

/** True when all that is wrong with a text is that it ends: another line may mend it. An empty line ends it anyway. */
function isUnfinished(text: string): boolean {
  const { diagnostics } = parseExpression('expression', text);
  const end = text.trimEnd().length;
  return diagnostics.length > 0 && diagnostics.every(({ span }) => span.end >= end && text.trim() !== '');
}

/** The names that go on from the last word of the line. */
function complete(line: string, names: readonly string[]): [string[], string] {
  const word = /[\p{ID_Continue}-]*$/u.exec(line)?.[0] ?? '';
  return [names.filter((name) => name.startsWith(word)), word];
}
