// What happened in a simulation, line by line, as one hash: two runs of a seed are the same when their hashes are.
import { createHash } from 'node:crypto';

export interface Trace {
  /** Something happened at that virtual moment. */
  say(at: number, what: string): void;
  /** Gives an id of this world a short name that is the same in every run of the seed. */
  name(id: string, name: string): void;
  nameOf(id: string): string;
  hash(): string;
  /** Empty unless the lines are kept. */
  readonly lines: readonly string[];
}

export function openTrace({ keep }: { readonly keep: boolean }): Trace {
  const digest = createHash('sha256');
  const lines: string[] = [];
  const names = new Map<string, string>();
  return {
    lines,
    say(at, what) {
      const line = `${at.toFixed(2).padStart(12)}  ${what}\n`;
      digest.update(line);
      if (keep) lines.push(line);
    },
    name: (id, name) => void names.set(id, name),
    nameOf: (id) => names.get(id) ?? '?',
    hash: () => digest.copy().digest('hex'),
  };
}
