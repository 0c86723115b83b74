// The shapes in which a secret turns up in what programs print: as it is, by lines, in JSON, in URLs, in base64
// at any alignment, in hexadecimal. Each is a byte pattern for the masker.
import { secretCharactersMin } from '../protocol/limits.ts';

/** Patterns longer than this are cut into pieces, so that a stream never holds back more. */
export const patternBytesMax = 1_024;
/** Above this a value is masked by its lines, and as a whole only plainly and in base64. */
const wholeFormsCharactersMax = 8 * 1_024;
/** Above this a value is masked by its lines, and as a whole only plainly. */
const base64FormsBytesMax = 64 * 1_024;
/** Columns at which base64 tools wrap: coreutils, PEM (RFC 7468), MIME (RFC 2045). */
const wrapColumns = [76, 64];

/**
 * Every byte pattern that stands for `secret`, none shorter than `secretCharactersMin` bytes; nothing for a secret
 * of fewer characters than that, which would mask half of what a program says.
 */
export function maskPatterns(secret: string): readonly Buffer[] {
  const patterns = new Map<string, Buffer>();
  const add = (bytes: Buffer): void => {
    for (const piece of pieces(bytes)) {
      if (piece.length >= secretCharactersMin) patterns.set(piece.toString('latin1'), piece);
    }
  };
  for (const value of new Set([secret, secret.normalize('NFC'), secret.trim()])) {
    if (isMaskable(value)) wholeForms(value, add);
  }
  for (const line of linesOf(secret)) for (const text of textForms(line)) add(Buffer.from(text));
  return [...patterns.values()];
}

/** True for a value with enough characters to be masked, white space around it not counted. */
export function isMaskable(secret: string): boolean {
  return [...secret.trim()].length >= secretCharactersMin;
}

function wholeForms(value: string, add: (bytes: Buffer) => void): void {
  const bytes = Buffer.from(value);
  if (value.length <= wholeFormsCharactersMax) {
    for (const text of textForms(value)) add(Buffer.from(text));
    add(Buffer.from(bytes.toString('hex')));
    add(Buffer.from(bytes.toString('hex').toUpperCase()));
  } else {
    add(bytes);
  }
  // A terminal, and many a file of another system, ends lines in CR LF.
  if (value.includes('\n')) add(Buffer.from(value.replaceAll(/\r?\n/g, '\r\n')));
  if (bytes.length <= base64FormsBytesMax) for (const text of base64Forms(bytes)) add(Buffer.from(text));
}

/** Each line of a value of several lines, without the white space around it. */
function linesOf(secret: string): readonly string[] {
  if (!secret.includes('\n')) return [];
  return secret
    .split('\n')
    .map((line) => line.trim())
    .filter(isMaskable);
}

function textForms(text: string): Set<string> {
  return new Set([text, ...jsonForms(text), ...urlForms(text)]);
}

/** Inside a JSON string (RFC 8259, section 7) as several writers escape it, and inside JSON inside JSON. */
function jsonForms(text: string): readonly string[] {
  const plain = JSON.stringify(text).slice(1, -1);
  const ascii = plain.replaceAll(/[^\0-\x7f]/g, unicodeEscape);
  return [
    plain,
    plain.replaceAll('/', '\\/'),
    ascii,
    ascii.replaceAll(/\\u[0-9a-f]{4}/g, (escape) => `\\u${escape.slice(2).toUpperCase()}`),
    ascii.replaceAll('/', '\\/'),
    // Go and several web frameworks escape what could end a script element.
    plain.replaceAll(/[<>&\u2028\u2029]/g, unicodeEscape),
    plain.replaceAll(/[<>&'\u2028\u2029]/g, unicodeEscape),
    JSON.stringify(plain).slice(1, -1),
  ];
}

function unicodeEscape(unit: string): string {
  return `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`;
}

/** Percent-encoded (RFC 3986, section 2.1) as strict and lenient writers do it, and as forms are. */
function urlForms(text: string): readonly string[] {
  if (!text.isWellFormed()) return [];
  const component = encodeURIComponent(text);
  const strict = component.replaceAll(/[!'()*]/g, percent);
  const upper = [
    component,
    strict,
    strict.replaceAll('%20', '+'),
    // The urlencoded serializer of the URL standard, and Java's.
    component.replaceAll(/[!'()~]/g, percent).replaceAll('%20', '+'),
    encodeURI(text),
  ];
  return [...upper, ...upper.map((form) => form.replaceAll(/%[0-9A-F]{2}/g, (hex) => hex.toLowerCase()))];
}

function percent(character: string): string {
  return `%${character.charCodeAt(0).toString(16).toUpperCase()}`;
}

/**
 * The characters of base64 (RFC 4648) that depend on the secret alone, for each of the three places at which it can
 * begin inside a group of three bytes, in both alphabets. Where the secret ends the encoded text, its last
 * character and padding too; where other text touches it, at most four bits of its first and last byte remain.
 */
function base64Forms(bytes: Buffer): readonly string[] {
  const forms: string[] = [];
  for (const before of [0, 1, 2]) {
    const encoded = Buffer.concat([Buffer.alloc(before), bytes]).toString('base64');
    const first = Math.ceil((before * 8) / 6);
    const core = encoded.slice(first, Math.floor(((before + bytes.length) * 8) / 6));
    const end = encoded.slice(first);
    forms.push(core, end, end.replace(/=+$/, ''));
  }
  const alone = bytes.toString('base64');
  for (const columns of wrapColumns) {
    if (alone.length > columns) forms.push(...(alone.match(new RegExp(`.{1,${columns}}`, 'g')) ?? []));
  }
  return forms.flatMap((form) => [form, form.replaceAll('+', '-').replaceAll('/', '_')]);
}

/** The whole, or pieces that together cover it. A secret printed in full is then masked piece by piece. */
function pieces(bytes: Buffer): readonly Buffer[] {
  if (bytes.length <= patternBytesMax) return [bytes];
  const parts: Buffer[] = [];
  for (let start = 0; start + patternBytesMax < bytes.length; start += patternBytesMax) {
    parts.push(bytes.subarray(start, start + patternBytesMax));
  }
  return [...parts, bytes.subarray(bytes.length - patternBytesMax)];
}
