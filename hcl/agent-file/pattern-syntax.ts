// The syntax tree of an RE2 pattern (github.com/google/re2/wiki/Syntax), as far as a proof about its language
// needs it. The pattern must already compile on the engine: this parser judges nothing. What it does not model
// exactly it replaces by something wider, so that whatever is proved of the tree is true of the pattern.

/** Inclusive ranges of code points, sorted and apart from each other. */
export type CharacterSet = readonly (readonly [low: number, high: number])[];

export type PatternNode =
  | { readonly node: 'set'; readonly set: CharacterSet }
  | { readonly node: 'assertion'; readonly assertion: Assertion }
  | { readonly node: 'sequence'; readonly items: readonly PatternNode[] }
  | { readonly node: 'choice'; readonly items: readonly PatternNode[] }
  | { readonly node: 'repeat'; readonly item: PatternNode; readonly min: number; readonly max: number };

/** Positions that match no character: `\A`, `\z`, `^` and `$` with flag m, `\b`, `\B`. */
export type Assertion = 'text-start' | 'text-end' | 'line-start' | 'line-end' | 'word-edge' | 'no-word-edge';

export const lastCodePoint = 0x10ffff;
export const everything: CharacterSet = [[0, lastCodePoint]];
export const digits: CharacterSet = [[0x30, 0x39]];
export const wordCharacters = setOf('09AZ__az');

const classes: Readonly<Record<string, CharacterSet>> = {
  d: digits,
  w: wordCharacters,
  s: setOf('\t\n\f\r  '),
  alnum: setOf('09AZaz'),
  alpha: setOf('AZaz'),
  ascii: [[0, 0x7f]],
  blank: setOf('\t\t  '),
  cntrl: [
    [0, 0x1f],
    [0x7f, 0x7f],
  ],
  digit: digits,
  graph: setOf('!~'),
  lower: setOf('az'),
  print: setOf(' ~'),
  punct: setOf('!/:@[`{~'),
  space: setOf('\t\r  '),
  upper: setOf('AZ'),
  word: wordCharacters,
  xdigit: setOf('09AFaf'),
};

const escapes: Readonly<Record<string, number>> = { a: 7, f: 12, n: 10, r: 13, t: 9, v: 11 };
const edges: Readonly<Record<string, Assertion>> = {
  A: 'text-start',
  z: 'text-end',
  b: 'word-edge',
  B: 'no-word-edge',
};

/** Characters that fold to each other beyond plain ASCII letters (Unicode, simple case folding). */
const foreignFolds: readonly (readonly [ascii: number, foreign: number])[] = [
  [0x4b, 0x212a],
  [0x53, 0x17f],
];

/** The set whose ranges are the given pairs of characters. */
function setOf(pairs: string): CharacterSet {
  const points = [...pairs].map((character) => character.codePointAt(0) ?? 0);
  return union(points.flatMap((low, at) => (at % 2 === 0 ? [[low, points[at + 1] ?? low] as const] : [])));
}

export function union(ranges: CharacterSet): CharacterSet {
  const merged: [number, number][] = [];
  for (const [low, high] of [...ranges].sort((a, b) => a[0] - b[0])) {
    const last = merged.at(-1);
    if (last !== undefined && low <= last[1] + 1) last[1] = Math.max(last[1], high);
    else merged.push([low, high]);
  }
  return merged;
}

export function complement(set: CharacterSet): CharacterSet {
  const gaps: [number, number][] = [];
  let next = 0;
  for (const [low, high] of union(set)) {
    if (low > next) gaps.push([next, low - 1]);
    next = high + 1;
  }
  if (next <= lastCodePoint) gaps.push([next, lastCodePoint]);
  return gaps;
}

/** The set and the other case of everything in it; foreign letters are folded only where ASCII is concerned. */
function foldCase(set: CharacterSet): CharacterSet {
  const shifted = (low: number, high: number, by: number): CharacterSet =>
    set.flatMap(([from, to]) => {
      const both = [Math.max(from, low), Math.min(to, high)] as const;
      return both[0] <= both[1] ? [[both[0] + by, both[1] + by] as const] : [];
    });
  const has = (point: number): boolean => set.some(([low, high]) => low <= point && point <= high);
  const foreign = foreignFolds.flatMap(([ascii, other]) => {
    const members = [ascii, ascii + 0x20, other];
    return members.some(has) ? members.map((point) => [point, point] as const) : [];
  });
  return union([...set, ...shifted(0x41, 0x5a, 0x20), ...shifted(0x61, 0x7a, -0x20), ...foreign]);
}

interface Flags {
  readonly fold: boolean;
  readonly multiLine: boolean;
  readonly dotAll: boolean;
}

/** Parses a pattern that the engine accepts. Null when something is met that this parser does not know. */
export function parsePattern(pattern: string): PatternNode | null {
  const reader = new PatternReader([...pattern]);
  const tree = reader.choice();
  return reader.atEnd && !reader.lost ? tree : null;
}

/** Recursive descent over the code points of the pattern; flags hold to the end of their group. */
class PatternReader {
  readonly #text: readonly string[];
  #at = 0;
  #flags: Flags = { fold: false, multiLine: false, dotAll: false };
  lost = false;

  constructor(text: readonly string[]) {
    this.#text = text;
  }

  get atEnd(): boolean {
    return this.#at >= this.#text.length;
  }

  choice(): PatternNode {
    const outer = this.#flags;
    const items = [this.#sequence()];
    while (this.#take('|')) items.push(this.#sequence());
    this.#flags = outer;
    return { node: 'choice', items };
  }

  #sequence(): PatternNode {
    const items: PatternNode[] = [];
    while (!this.atEnd && !this.lost && !this.#sees('|') && !this.#sees(')')) {
      items.push(this.#sees('\\Q') ? this.#quoted() : this.#repeated(this.#atom()));
    }
    return { node: 'sequence', items };
  }

  #repeated(item: PatternNode): PatternNode {
    const bounds = this.#bounds();
    if (bounds === null) return item;
    this.#take('?');
    return { node: 'repeat', item, min: bounds[0], max: bounds[1] };
  }

  #bounds(): readonly [number, number] | null {
    if (this.#take('*')) return [0, Infinity];
    if (this.#take('+')) return [1, Infinity];
    if (this.#take('?')) return [0, 1];
    const braces = /^\{(0|[1-9]\d*)(,(0|[1-9]\d*|))?\}/.exec(
      this.#text.slice(this.#at, this.#at + 16).join(''),
    );
    if (braces === null) return null;
    this.#at += braces[0].length;
    const min = Number(braces[1]);
    const max = braces[2] === undefined ? min : braces[3] === '' ? Infinity : Number(braces[3]);
    return [min, max];
  }

  #atom(): PatternNode {
    if (this.#take('(')) return this.#group();
    if (this.#take('[')) return { node: 'set', set: this.#bracket() };
    if (this.#take('.'))
      return { node: 'set', set: this.#flags.dotAll ? everything : complement([[10, 10]]) };
    if (this.#take('^')) return assert(this.#flags.multiLine ? 'line-start' : 'text-start');
    if (this.#take('$')) return assert(this.#flags.multiLine ? 'line-end' : 'text-end');
    if (this.#sees('\\')) {
      const edge = edges[this.#text[this.#at + 1] ?? ''];
      if (edge !== undefined) {
        this.#at += 2;
        return assert(edge);
      }
      return { node: 'set', set: this.#folded(this.#escape()) };
    }
    return this.#literal(this.#next());
  }

  #literal(point: number): PatternNode {
    return { node: 'set', set: this.#folded([[point, point]]) };
  }

  /** After `(`: a group of any kind, or flags for the rest of the enclosing group. */
  #group(): PatternNode {
    const outer = this.#flags;
    if (this.#take('?')) {
      const name = /^P?<[^>]*>/.exec(this.#text.slice(this.#at).join(''));
      if (name !== null) this.#at += [...name[0]].length;
      else if (this.#setFlags()) return { node: 'sequence', items: [] };
    }
    const inner = this.choice();
    if (!this.#take(')')) this.lost = true;
    this.#flags = outer;
    return inner;
  }

  /** `i-s)` or `i-s:`; true when no group follows. */
  #setFlags(): boolean {
    let on = true;
    for (;;) {
      if (this.#take('-')) on = false;
      else if (this.#take('i')) this.#flags = { ...this.#flags, fold: on };
      else if (this.#take('m')) this.#flags = { ...this.#flags, multiLine: on };
      else if (this.#take('s')) this.#flags = { ...this.#flags, dotAll: on };
      else if (this.#take('U')) continue;
      else if (this.#take(')')) return true;
      else {
        if (!this.#take(':')) this.lost = true;
        return false;
      }
      if (this.atEnd) this.lost = true;
      if (this.lost) return false;
    }
  }

  /** `\Q…\E`; a repetition after it belongs to its last character. */
  #quoted(): PatternNode {
    this.#at += 2;
    const items: PatternNode[] = [];
    while (!this.atEnd && !this.#sees('\\E')) items.push(this.#literal(this.#next()));
    this.#take('\\E');
    const last = items.pop();
    if (last !== undefined) return { node: 'sequence', items: [...items, this.#repeated(last)] };
    this.lost = true;
    return { node: 'sequence', items };
  }

  /** After `[`. Case is folded before the set is negated, as the engine does. */
  #bracket(): CharacterSet {
    const negated = this.#take('^');
    let ranges: CharacterSet = [];
    for (let first = true; first || !this.#sees(']'); first = false) {
      if (this.atEnd) {
        this.lost = true;
        return everything;
      }
      ranges = [...ranges, ...this.#bracketItem()];
    }
    this.#take(']');
    const set = union(ranges);
    if (!negated) return this.#folded(set);
    return this.#inexact(set) ? everything : complement(this.#folded(set));
  }

  #bracketItem(): CharacterSet {
    const posix = /^\[:(\^?)(\w+):\]/.exec(this.#text.slice(this.#at, this.#at + 16).join(''));
    const named = posix === null ? undefined : classes[posix[2] ?? ''];
    if (posix !== null && named !== undefined) {
      this.#at += posix[0].length;
      return posix[1] === '^' ? complement(named) : named;
    }
    const low = this.#bracketCharacter();
    const [only] = low;
    if (low.length !== 1 || only === undefined || only[0] !== only[1]) return low;
    if (!this.#sees('-') || this.#text[this.#at + 1] === ']') return low;
    this.#at += 1;
    const high = this.#bracketCharacter()[0];
    return [[only[0], high?.[1] ?? lastCodePoint]];
  }

  #bracketCharacter(): CharacterSet {
    if (this.#sees('\\')) return this.#escape();
    const point = this.#next();
    return [[point, point]];
  }

  /** A class or one character, from its backslash. A Unicode class counts as every character. */
  #escape(): CharacterSet {
    this.#at += 1;
    const letter = this.#text[this.#at] ?? '';
    const rest = this.#text.slice(this.#at, this.#at + 64).join('');
    const property = /^[pP](\{[^}]*\}|.)/u.exec(rest);
    if (property !== null) return this.#skip(property[0], everything);
    const named = /^[dsw]$/i.test(letter) ? classes[letter.toLowerCase()] : undefined;
    if (named !== undefined) return this.#skip(letter, letter < 'a' ? complement(named) : named);
    const octal = /^(0[0-7]{0,2}|[1-7][0-7]{1,2})/.exec(rest);
    if (octal !== null) return this.#skip(octal[0], single(parseInt(octal[0], 8)));
    const hex = /^x(?:\{([0-9A-Fa-f]+)\}|([0-9A-Fa-f]{2}))/.exec(rest);
    if (hex !== null) return this.#skip(hex[0], single(parseInt(hex[1] ?? hex[2] ?? '', 16)));
    const control = escapes[letter];
    if (control !== undefined) return this.#skip(letter, single(control));
    if (letter === '' || /[0-9A-Za-z]/.test(letter)) this.lost = true;
    return single(this.#next());
  }

  #skip(text: string, set: CharacterSet): CharacterSet {
    this.#at += [...text].length;
    return set;
  }

  /** A set that may be wider than the engine's, so that its complement could be too small. */
  #inexact(set: CharacterSet): boolean {
    return complement(set).length === 0 || (this.#flags.fold && set.some(([, high]) => high > 0x7f));
  }

  #folded(set: CharacterSet): CharacterSet {
    return this.#flags.fold ? foldCase(set) : set;
  }

  #next(): number {
    const point = this.#text[this.#at]?.codePointAt(0);
    this.#at += 1;
    if (point === undefined) this.lost = true;
    return point ?? 0;
  }

  #sees(text: string): boolean {
    return [...text].every((character, at) => this.#text[this.#at + at] === character);
  }

  #take(text: string): boolean {
    const seen = this.#sees(text);
    if (seen) this.#at += text.length;
    return seen;
  }
}

function assert(assertion: Assertion): PatternNode {
  return { node: 'assertion', assertion };
}

function single(point: number): CharacterSet {
  return [[point, point]];
}
