// The texts of statements cross the border to a thread once and are numbers from then on: copying a kilobyte of SQL
// for each statement of each unit, and hashing it anew on the other side, costs more than running it. So do the names
// of the columns on the way back.
import { storeStatementsMax } from '../../../protocol/limits.ts';

/** The sender's side. */
export interface KnownTexts {
  /** The number of a text; the text itself where there are too many to remember. */
  name(text: string): number | string;
  /** Texts that got their number since the last call, in order; they must arrive before the numbers are used. */
  takeFresh(): readonly string[];
}

export function openKnownTexts(): KnownTexts {
  const numbers = new Map<string, number>();
  let fresh: string[] = [];
  return {
    name(text) {
      const known = numbers.get(text);
      if (known !== undefined) return known;
      if (numbers.size >= storeStatementsMax) return text;
      numbers.set(text, numbers.size);
      fresh.push(text);
      return numbers.size - 1;
    },
    takeFresh() {
      const taken = fresh;
      fresh = [];
      return taken;
    },
  };
}

/** The receiver's side. */
export interface LearntTexts {
  learn(texts: readonly string[]): void;
  textOf(name: number | string): string;
}

export function openLearntTexts(): LearntTexts {
  const texts: string[] = [];
  return {
    learn(fresh) {
      texts.push(...fresh);
    },
    textOf(name) {
      if (typeof name === 'string') return name;
      const text = texts[name];
      if (text === undefined) throw new Error(`statement ${name} was used before it was sent`);
      return text;
    },
  };
}
