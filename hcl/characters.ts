// Which characters may form a name (hclsyntax/spec.md, "Identifiers": UAX #31 plus the dash) and which are spaces.

/** Classes of ASCII characters, as bits. */
const NAME_START = 1;
const NAME_PART = 2;
const DIGIT = 4;

const classes = new Uint8Array(128);
for (let code = 0x61; code <= 0x7a; code++) classes[code] = NAME_START | NAME_PART;
for (let code = 0x41; code <= 0x5a; code++) classes[code] = NAME_START | NAME_PART;
for (let code = 0x30; code <= 0x39; code++) classes[code] = NAME_PART | DIGIT;
classes[0x5f] = NAME_START | NAME_PART;
classes[0x2d] = NAME_PART;

const unicodeNameStart = /^\p{ID_Start}/u;
/** Joiners are invisible: two names that look the same must be the same. */
const unicodeNamePart = /^(?![\u200c\u200d])\p{ID_Continue}/u;
const unicodeSpace = /^[\p{White_Space}]$/u;

export function isDigit(code: number): boolean {
  return code >= 0x30 && code <= 0x39;
}

/** Length in UTF-16 units of the name that begins at `at`, 0 when none does. */
export function nameLength(text: string, at: number): number {
  let end = at + partLength(text, at, NAME_START);
  if (end === at) return 0;
  for (let step = 1; step > 0; end += step) step = partLength(text, end, NAME_PART);
  return end - at;
}

function partLength(text: string, at: number, wanted: number): number {
  const code = text.charCodeAt(at);
  if (code < 128) return ((classes[code] ?? 0) & wanted) === 0 ? 0 : 1;
  if (!(code >= 128)) return 0;
  const character = String.fromCodePoint(text.codePointAt(at) ?? code);
  const pattern = wanted === NAME_START ? unicodeNameStart : unicodeNamePart;
  return pattern.test(character) ? character.length : 0;
}

/** The text in normalization form C. Plain text is, and asking costs more than looking. */
export function normalized(text: string): string {
  for (let at = 0; at < text.length; at++) if (text.charCodeAt(at) > 127) return text.normalize('NFC');
  return text;
}

/** A space as Unicode defines it, newlines among them: what `~` strips and what a flush heredoc counts. */
export function isSpace(code: number): boolean {
  if (code < 128) return code === 0x20 || (code >= 0x09 && code <= 0x0d);
  return unicodeSpace.test(String.fromCharCode(code));
}

let segmenter: Intl.Segmenter | undefined;

/** The grapheme clusters of a text: what a person takes for one character. */
export function graphemesOf(text: string): readonly string[] {
  segmenter ??= new Intl.Segmenter(undefined, { granularity: 'grapheme' });
  return Array.from(segmenter.segment(text), ({ segment }) => segment);
}
