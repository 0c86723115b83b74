// Decides whether every text in which a pattern is found is a word of some alphabet, and shows one that is not.
// The pattern's tree becomes a nondeterministic automaton; a breadth-first search over (state, what stands before,
// what comes next, how the word goes so far) meets the shortest text that the pattern admits and the word does not.
import { complement, everything, parsePattern, union, wordCharacters } from './pattern-syntax.ts';
import { automatonStatesMax } from './limits.ts';
import type { Assertion, CharacterSet, PatternNode } from './pattern-syntax.ts';

/** Non-empty words: which characters may begin one, and which may follow. */
export interface WordLanguage {
  readonly first: CharacterSet;
  readonly rest: CharacterSet;
}

export type Verdict =
  | { readonly proven: true }
  /** `example`: a text that the pattern admits; null when the pattern is too large or unknown to decide. */
  | { readonly proven: false; readonly example: string | null };

/**
 * Is every text that contains a match of the pattern a word of the language? `nonEmpty` says that the empty text
 * is excluded by other means. The pattern must compile on the engine.
 */
export function provePattern(pattern: string, words: WordLanguage, options = { nonEmpty: false }): Verdict {
  const tree = parsePattern(pattern);
  const automaton = tree === null ? null : buildAutomaton(tree);
  if (automaton === null) return { proven: false, example: null };
  const example = findCounterexample(automaton, symbolsOf(words), options.nonEmpty);
  return example === null ? { proven: true } : { proven: false, example };
}

type Edge =
  | { readonly to: number; readonly set: CharacterSet }
  | { readonly to: number; readonly assertion: Assertion | null };

interface Automaton {
  readonly start: number;
  readonly accept: number;
  readonly edges: readonly (readonly Edge[])[];
}

/** Thompson's construction, from the end to the beginning; null when it grows too large. */
function buildAutomaton(tree: PatternNode): Automaton | null {
  const edges: Edge[][] = [];
  const state = (...out: Edge[]): number => edges.push(out) - 1;
  const full = (): boolean => edges.length > automatonStatesMax;
  const build = (node: PatternNode, next: number): number => {
    if (full()) return next;
    switch (node.node) {
      case 'set':
        return state({ to: next, set: node.set });
      case 'assertion':
        return state({ to: next, assertion: node.assertion });
      case 'sequence':
        return node.items.reduceRight((after, item) => build(item, after), next);
      case 'choice':
        return state(...node.items.map((item) => ({ to: build(item, next), assertion: null })));
      case 'repeat':
        return repeat(node, next);
    }
  };
  const repeat = (node: PatternNode & { node: 'repeat' }, next: number): number => {
    let entry = next;
    if (node.max === Infinity) {
      entry = state({ to: next, assertion: null });
      edges[entry]?.push({ to: build(node.item, entry), assertion: null });
    }
    for (let copy = node.min; copy < node.max && node.max !== Infinity && !full(); copy += 1) {
      entry = state({ to: build(node.item, entry), assertion: null }, { to: next, assertion: null });
    }
    for (let copy = 0; copy < node.min && !full(); copy += 1) entry = build(node.item, entry);
    return entry;
  };
  const anything = (next: number): number => {
    const loop = state({ to: next, assertion: null });
    edges[loop]?.push({ to: loop, set: everything });
    return loop;
  };
  const accept = state();
  const start = anything(build(tree, anything(accept)));
  return full() ? null : { start, accept, edges };
}

/** What an assertion can see of a neighbour: no character at all, a line break, a word character, another. */
type Neighbour = 'edge' | 'break' | 'word' | 'other';
const neighbours = ['edge', 'other', 'word', 'break'] as const;

/** How a text reads as a word: nothing yet, a word so far, never again a word. */
type Progress = 'empty' | 'word' | 'broken';

/** Characters that neither an assertion nor the word language can tell apart. */
interface SymbolClass {
  readonly set: CharacterSet;
  readonly kind: Neighbour;
  readonly first: boolean;
  readonly rest: boolean;
}

function symbolsOf(words: WordLanguage): readonly SymbolClass[] {
  const lineBreak: CharacterSet = [[10, 10]];
  const kinds = [
    ['other', complement(union([...lineBreak, ...wordCharacters]))],
    ['word', wordCharacters],
    ['break', lineBreak],
  ] as const;
  return kinds
    .flatMap(([kind, all]) =>
      [true, false].flatMap((first) =>
        [true, false].map((rest): SymbolClass => {
          const begins = first ? words.first : complement(words.first);
          const follows = rest ? words.rest : complement(words.rest);
          return { set: intersect(all, intersect(begins, follows)), kind, first, rest };
        }),
      ),
    )
    .filter(({ set }) => set.length > 0);
}

export function intersect(a: CharacterSet, b: CharacterSet): CharacterSet {
  return complement(union([...complement(a), ...complement(b)]));
}

interface Place {
  readonly state: number;
  readonly before: Neighbour;
  /** Guessed, and then kept by the character that is read next. */
  readonly after: Neighbour;
  readonly progress: Progress;
  /** The text read so far, as a chain back to its beginning. */
  readonly text: Text | null;
}

interface Text {
  readonly character: string;
  readonly earlier: Text | null;
}

function findCounterexample(
  automaton: Automaton,
  symbols: readonly SymbolClass[],
  nonEmpty: boolean,
): string | null {
  const seen = new Set<string>();
  const read = readerOf(symbols);
  let generation: Place[] = neighbours.map((after) => ({
    state: automaton.start,
    before: 'edge',
    after,
    progress: 'empty',
    text: null,
  }));
  while (generation.length > 0) {
    const following: Place[] = [];
    for (let at = 0; at < generation.length; at += 1) {
      const place = generation[at];
      if (place === undefined) continue;
      const key = `${place.state} ${place.before} ${place.after} ${place.progress}`;
      if (seen.has(key)) continue;
      seen.add(key);
      if (place.state === automaton.accept && place.after === 'edge' && fails(place.progress, nonEmpty)) {
        return spell(place.text);
      }
      for (const edge of automaton.edges[place.state] ?? []) {
        if ('set' in edge) following.push(...read(place, edge));
        else if (holds(edge.assertion, place)) generation.push({ ...place, state: edge.to });
      }
    }
    generation = following;
  }
  return null;
}

function fails(progress: Progress, nonEmpty: boolean): boolean {
  return progress === 'broken' || (progress === 'empty' && !nonEmpty);
}

type Read = (place: Place, edge: { readonly to: number; readonly set: CharacterSet }) => readonly Place[];

/** The places after one character of a set, for each class of characters that the set has one of. */
function readerOf(symbols: readonly SymbolClass[]): Read {
  const samples = new Map<CharacterSet, readonly (SymbolClass & { readonly character: string })[]>();
  const samplesOf = (set: CharacterSet) =>
    symbols.flatMap((symbol) => {
      const character = pick(set, symbol.set);
      return character === null ? [] : [{ ...symbol, character }];
    });
  return ({ after: kind, progress, text: earlier }, { to, set }) => {
    const known = samples.get(set) ?? samplesOf(set);
    samples.set(set, known);
    return known
      .filter((symbol) => symbol.kind === kind)
      .flatMap(({ first, rest, character }) => {
        const fits = progress === 'empty' ? first : progress === 'word' && rest;
        const text = { character, earlier };
        return neighbours.map((after): Place => {
          return { state: to, before: kind, after, progress: fits ? 'word' : 'broken', text };
        });
      });
  };
}

function holds(assertion: Assertion | null, { before, after }: Place): boolean {
  switch (assertion) {
    case null:
      return true;
    case 'text-start':
      return before === 'edge';
    case 'text-end':
      return after === 'edge';
    case 'line-start':
      return before === 'edge' || before === 'break';
    case 'line-end':
      return after === 'edge' || after === 'break';
    case 'word-edge':
      return (before === 'word') !== (after === 'word');
    case 'no-word-edge':
      return (before === 'word') === (after === 'word');
  }
}

/** A character that is in both sets, if there is one: rather one that a reader knows to be dangerous. */
function pick(a: CharacterSet, b: CharacterSet): string | null {
  const both = intersect(a, b);
  const vivid = [...';$ `|&\'"-a0'].find((character) => contains(both, character.codePointAt(0) ?? 0));
  const lowest = both.find(([, high]) => high >= 0x20) ?? both[0];
  if (vivid !== undefined) return vivid;
  return lowest === undefined ? null : String.fromCodePoint(Math.max(lowest[0], Math.min(0x20, lowest[1])));
}

export function contains(set: CharacterSet, point: number): boolean {
  return set.some(([low, high]) => low <= point && point <= high);
}

/** Is the text itself a word of the language? */
export function isWord(text: string, words: WordLanguage): boolean {
  const points = [...text].map((character) => character.codePointAt(0) ?? 0);
  return (
    points.length > 0 && points.every((point, at) => contains(at === 0 ? words.first : words.rest, point))
  );
}

function spell(text: Text | null): string {
  const characters: string[] = [];
  for (let at = text; at !== null; at = at.earlier) characters.push(at.character);
  return characters.reverse().join('');
}
