// Splits a command line into words as a shell does (POSIX.1-2024, Shell Command Language, 2.2 and 2.3), for command
// lines in which nothing but quotes is special.

/** Commands that only a shell has (POSIX.1-2024, Shell Command Language, 2.15 and 1.6; reserved words, 2.4). */
const shellCommands: ReadonlySet<string> = new Set(
  `. : alias bg break case cd continue do done elif else esac eval exec exit export fg fi for getopts hash if jobs read
   readonly return set shift source then times trap type ulimit umask unalias unset until wait while`.split(
    /\s+/,
  ),
);

/**
 * True for a command line that is a matter for a shell: with operators, expansions, patterns or comments in it, with
 * an assignment before the command (POSIX.1-2024, Shell Command Language, 2.2), or with a command that only a shell
 * has. Quotes and backslashes alone only group words.
 */
export function needsShell(line: string): boolean {
  if (/[|&;<>()$`*?[\]#~{}!\n]/.test(line) || /^\s*[^\s'"]*=/.test(line)) return true;
  return shellCommands.has(line.trim().split(/\s/, 1)[0] ?? '');
}

/** The words, or null when a quote is not closed or a backslash has nothing after it. */
export function splitWords(line: string): readonly string[] | null {
  const words: string[] = [];
  let word: string | null = null;
  let at = 0;
  while (at < line.length) {
    const character = line[at] ?? '';
    if (/\s/.test(character)) {
      if (word !== null) words.push(word);
      word = null;
      at += 1;
      continue;
    }
    const piece = readPiece(line, at);
    if (piece === null) return null;
    word = (word ?? '') + piece.text;
    at = piece.end;
  }
  return word === null ? words : [...words, word];
}

interface Piece {
  readonly text: string;
  readonly end: number;
}

/** One quoted part, one escaped character, or one plain character. */
function readPiece(line: string, at: number): Piece | null {
  const character = line[at];
  if (character === "'") {
    const close = line.indexOf("'", at + 1);
    return close === -1 ? null : { text: line.slice(at + 1, close), end: close + 1 };
  }
  if (character === '"') return readDoubleQuoted(line, at + 1);
  if (character !== '\\') return { text: character ?? '', end: at + 1 };
  return at + 1 === line.length ? null : { text: line[at + 1] ?? '', end: at + 2 };
}

/** Between double quotes a backslash escapes only `"`, `\`, `$` and a backquote (2.2.3). */
function readDoubleQuoted(line: string, start: number): Piece | null {
  let text = '';
  for (let at = start; at < line.length; at += 1) {
    const character = line[at] ?? '';
    if (character === '"') return { text, end: at + 1 };
    const next = line[at + 1] ?? '';
    if (character === '\\' && /["\\$`]/.test(next)) {
      text += next;
      at += 1;
    } else text += character;
  }
  return null;
}
