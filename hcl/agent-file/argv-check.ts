// Finds the places of an argument list at which foreign text would be read as program text, or would choose the
// program (rules.md 22): `sh -c`, `env -S`, `sudo sh -c`, `ssh host …`, `python -c`, wherever they stand in it.
import type { Word } from './command-words.ts';
import { programNamed } from './programs.ts';
import type { Grammar, Program } from './programs.ts';
import { shellWord } from './safe-words.ts';
import { unsafeReason } from './taint.ts';
import type { Taint } from './taint.ts';

export interface ArgvFinding {
  readonly taint: Taint;
  /** What the text would become, for instance `part of a script that \`sh\` runs`. */
  readonly becomes: string;
}

/** Every unsafe taint of the words that stands where it may not, each once. */
export function checkArgv(words: readonly Word[]): readonly ArgvFinding[] {
  const findings: ArgvFinding[] = [];
  const found = (word: Word | undefined, becomes: string): void => {
    for (const taint of word?.taints ?? []) {
      if (unsafeReason(taint, shellWord) === null || findings.some((other) => other.taint === taint))
        continue;
      findings.push({ taint, becomes });
    }
  };
  const walk: Walk = { words, found, seen: new Set(), names: new Set() };
  visitCommand(walk, 0);
  for (const [at, word] of words.entries()) {
    for (const text of walk.names.has(at) ? [] : (word.texts ?? [])) {
      const program = programNamed(text);
      if (program !== null && !program.everyday) applyGrammar(walk, { at, name: text, program });
    }
    if (mentionsScript(word.prefix)) found(word, 'part of a command line inside an argument');
  }
  return findings;
}

interface Walk {
  readonly words: readonly Word[];
  readonly found: (word: Word | undefined, becomes: string) => void;
  /** Positions whose grammar was applied. */
  readonly seen: Set<string>;
  /** Positions of the names that scripts are given as their `$0`: they name nothing that is run. */
  readonly names: Set<number>;
}

interface Named {
  readonly at: number;
  readonly name: string;
  readonly program: Program;
}

/** The word that names the program: taint may not choose it, and an unknown program may be a shell. */
function visitCommand(walk: Walk, at: number): void {
  const word = walk.words[at];
  if (word === undefined) return;
  walk.found(word, 'the name of the program');
  if (word.texts === null) {
    for (const later of walk.words.slice(at + 1))
      walk.found(later, 'an argument of a program that is not known');
  }
  for (const text of word.texts ?? []) {
    const program = programNamed(text);
    if (program !== null) applyGrammar(walk, { at, name: text, program });
  }
}

function applyGrammar(walk: Walk, { at, name, program }: Named): void {
  const key = `${at} ${name}`;
  if (walk.seen.has(key)) return;
  walk.seen.add(key);
  const rest = walk.words.slice(at + 1);
  const becomes = `part of a script that \`${name}\` runs`;
  const { grammar } = program;
  switch (grammar.reads) {
    case 'script':
      for (const word of scriptWords(rest, grammar)) walk.found(word, becomes);
      if (grammar.shell) noteScriptName(walk, at + 1, grammar);
      break;
    case 'options':
      for (const word of optionWords(rest, grammar.code)) walk.found(word, becomes);
      break;
    case 'everything':
      for (const word of beforeFile(rest, grammar.file)) walk.found(word, becomes);
      break;
    case 'command':
      visitCommand(walk, at + 1 + innerCommand(walk, rest, grammar));
      break;
  }
}

type Script = Grammar & { readonly reads: 'script' };

/** The words that an interpreter reads as program text, or that stand where it may still expect some. */
function scriptWords(words: readonly Word[], { code, load, data }: Script): readonly Word[] {
  const read: Word[] = [];
  let expected = true;
  let options = true;
  for (let at = 0; at < words.length; at += 1) {
    const word = words[at];
    if (word === undefined) break;
    const text = options ? optionOf(word) : null;
    if (text === '--') {
      options = false;
    } else if (text !== null && takes(text, code)) {
      expected = false;
      read.push(...words.slice(at + 1, at + 2));
      at += 1;
    } else if (text !== null && takes(text, load)) {
      read.push(...words.slice(at + 1, at + 2));
      at += 1;
    } else if (text !== null && operandsOf(text, data) !== null) {
      at += operandsOf(text, data) ?? 0;
    } else if (text === null && isOption(word.prefix) && options) {
      if (!takes(word.prefix, [...data.keys()])) read.push(word);
    } else if (text === null || !isOption(text)) {
      if (expected) read.push(word);
      if (expected && isOne(word)) return read;
    }
  }
  return read;
}

/** In `sh -c SCRIPT NAME …` the first word after the script is only its name. */
function noteScriptName({ words, names }: Walk, from: number, { load }: Script): void {
  const at = words.findIndex((word, index) => index >= from && /^-[A-Za-z]*c$/.test(optionOf(word) ?? ''));
  const optionsOnly = words.slice(from, Math.max(at, from)).every((word, index) => {
    const before = index === 0 ? '' : (optionOf(words[from + index - 1]) ?? '');
    return isOption(optionOf(word) ?? '') || takes(before, load);
  });
  const script = words[at + 1];
  if (at === -1 || !optionsOnly || script === undefined) return;
  if (isOne(script) && !isOption(script.prefix)) names.add(at + 2);
}

/** The literal text of a word, or null: it is then not one that could be compared with an option. */
function optionOf(word: Word | undefined): string | null {
  return word?.texts?.length === 1 ? (word.texts[0] ?? null) : null;
}

/** One word, and the same kind of word whatever is chosen. */
function isOne(word: Word): boolean {
  return !word.many && (word.texts?.length ?? 1) === 1;
}

function isOption(text: string): boolean {
  return /^[-+]./.test(text);
}

/** Is the text one of these options, or a cluster of short ones that ends with one: `-lne`? */
function takes(text: string, options: readonly string[]): boolean {
  return (
    options.includes(text) || (/^[-+][A-Za-z]+$/.test(text) && options.includes(`${text[0]}${text.at(-1)}`))
  );
}

function operandsOf(text: string, data: ReadonlyMap<string, number>): number | null {
  const option = [...data.keys()].find((each) => takes(text, [each]));
  return option === undefined ? null : (data.get(option) ?? null);
}

/** The operands of these options, separate or joined. */
function optionWords(words: readonly Word[], code: readonly string[]): readonly Word[] {
  return words.filter((word, at) => {
    const before = words[at - 1]?.texts?.some((text) => takes(text, code)) ?? false;
    return before || code.some((option) => word.prefix.startsWith(option));
  });
}

/** Everything up to a script that one of the `file` options names, that script included. */
function beforeFile(words: readonly Word[], file: readonly string[]): readonly Word[] {
  const at = words.findIndex((word) => file.includes(optionOf(word)?.toLowerCase() ?? ''));
  return at === -1 ? words : words.slice(0, at + 2);
}

type Command = Grammar & { readonly reads: 'command' };

/**
 * Where in the words the started command begins. Taint before it is a finding unless it is the operand of an option
 * or an operand of the starting program. An option that is not known may have an operand: one more word is passed.
 */
function innerCommand(walk: Walk, words: readonly Word[], grammar: Command): number {
  const verb = grammar.verbs.length === 0 ? 0 : verbEnd(words, grammar.verbs);
  if (verb === null) return words.length;
  if (grammar.dashes) return afterDashes(walk, words, verb);
  const choosesImage = optionOf(words[verb - 1]) === 'run';
  let operands = grammar.operands;
  let options = true;
  let passing = false;
  for (let at = verb; at < words.length; at += 1) {
    const word = words[at];
    const text = optionOf(word);
    if (word === undefined || (options && shellOption(word, grammar))) return shellText(walk, words, at);
    if (options && text === '--') options = false;
    else if (options && (isOption(word.prefix) || grammar.switches.includes(word.prefix))) {
      if (text === null && !joined(word.prefix, grammar))
        walk.found(word, 'an option of a program that starts others');
      if (text !== null && takes(text, grammar.data)) at += 1;
      else passing = text !== null && !standsAlone(text, grammar);
    } else if (grammar.assignments && /^[A-Za-z_]\w*=/.test(word.prefix)) continue;
    else if (passing && text !== null) passing = false;
    else if (passing || operands === 0 || !isOne(word)) return at;
    else {
      if (choosesImage) walk.found(word, 'the image that is run');
      operands -= 1;
    }
  }
  return words.length;
}

function verbEnd(words: readonly Word[], verbs: readonly string[]): number | null {
  const at = words.findIndex((word) => verbs.includes(optionOf(word) ?? ''));
  return at === -1 ? null : at + 1;
}

/** Behind `--`; without one nobody knows where the command begins. */
function afterDashes(walk: Walk, words: readonly Word[], from: number): number {
  const at = words.findIndex((word, index) => index >= from && optionOf(word) === '--');
  if (at !== -1) return at + 1;
  for (const word of words.slice(from))
    walk.found(word, 'part of a command line (there is no `--` before it)');
  return words.length;
}

function shellOption({ texts, prefix, many }: Word, { shell }: Command): boolean {
  if (texts === null && !many && shell.some((option) => option.length === 2 && prefix.startsWith(option)))
    return true;
  if ((texts?.length ?? 0) > 1 && texts?.some(isOption) === true) return true;
  const letters = /^-[A-Za-z]+$/.test(prefix) ? [...prefix.slice(1)].map((letter) => `-${letter}`) : [];
  return shell.some(
    (option) => option === prefix || prefix.startsWith(`${option}=`) || letters.includes(option),
  );
}

function shellText(walk: Walk, words: readonly Word[], at: number): number {
  for (const word of words.slice(at)) walk.found(word, 'part of a text that a shell reads');
  return words.length;
}

/** An option and its operand in one word, whose operand is data: `--name=…`, `-n…`. */
function joined(prefix: string, { data }: Command): boolean {
  return /^--[\w-]+=/.test(prefix) || data.some((option) => option.length === 2 && prefix.startsWith(option));
}

/** An option that surely has no operand in the next word. */
function standsAlone(text: string, grammar: Command): boolean {
  const letters = /^-[A-Za-z0-9]+$/.test(text) ? [...text.slice(1)].map((letter) => `-${letter}`) : ['?'];
  return (
    grammar.switches.includes(text) ||
    joined(text, grammar) ||
    letters.every((letter) => grammar.switches.includes(letter))
  );
}

/** A literal that begins like `sh -c `: some program will take the argument apart. */
function mentionsScript(prefix: string): boolean {
  const parts = prefix.split(/\s+/);
  const at = parts.findIndex((part) => programNamed(part)?.everyday === false);
  return at !== -1 && parts.slice(at + 1).some((part) => /^--?\w/.test(part));
}
