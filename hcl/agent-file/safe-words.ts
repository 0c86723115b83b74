// The words that may stand where other text would be an injection (rules.md 22 and 23): one alphabet a place.
import { intersect } from './pattern-language.ts';
import { complement, union } from './pattern-syntax.ts';
import type { WordLanguage } from './pattern-language.ts';
import type { CharacterSet } from './pattern-syntax.ts';

const letters: CharacterSet = [
  [0x41, 0x5a],
  [0x61, 0x7a],
];
const alphanumeric = union([...letters, [0x30, 0x39]]);

function characters(text: string): CharacterSet {
  return [...text].map((character) => [character.charCodeAt(0), character.charCodeAt(0)] as const);
}

const shell = union([...alphanumeric, ...characters('_.:@%+,/=-')]);

/** Means itself to a shell, in any quoting, and is never an option. */
export const shellWord: WordLanguage = {
  first: intersect(shell, complement(characters('-'))),
  rest: shell,
};

/** A host name, an address or a port: cannot end the authority of a URL. */
export const hostWord: WordLanguage = {
  first: alphanumeric,
  rest: union([...alphanumeric, ...characters('.-')]),
};

/** The name of an environment variable (POSIX.1-2024, 8.1). */
export const environmentName: WordLanguage = {
  first: union([...letters, ...characters('_')]),
  rest: union([...alphanumeric, ...characters('_')]),
};

/** The name of a header (RFC 9110, section 5.1). */
export const headerName: WordLanguage = {
  first: alphanumeric,
  rest: union([...alphanumeric, ...characters("!#$%&'*+-.^_`|~")]),
};

/** A plain name: of a secret, of a file in a literal folder. */
export const plainName: WordLanguage = {
  first: alphanumeric,
  rest: union([...alphanumeric, ...characters('_.-')]),
};
