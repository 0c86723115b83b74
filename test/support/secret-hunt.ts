// Looks for a secret in bytes, in every form in which it could have left: itself, in base64 at any alignment, in the
// escapes of URLs and JSON, line by line. Written without a look at how the masking does it.
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';

/** A form of a secret that must not be found. */
export interface Needle {
  readonly secret: string;
  readonly form: string;
  readonly text: string;
}

/** Shorter pieces would be found by chance. */
const charactersMin = 6;

export function needlesOf(secrets: Readonly<Record<string, string>>): readonly Needle[] {
  return Object.entries(secrets).flatMap(([secret, value]) => {
    const lines = value.split('\n').filter((line) => line.length >= charactersMin);
    return [...new Set([value, ...lines])].flatMap((text) =>
      Object.entries(formsOf(text)).map(([form, written]) => ({ secret, form, text: written })),
    );
  });
}

function formsOf(value: string): Readonly<Record<string, string>> {
  const bytes = Buffer.from(value);
  const aligned = [0, 1, 2].map((offset) => alignedBase64(bytes, offset));
  return {
    plain: value,
    json: JSON.stringify(value).slice(1, -1),
    url: encodeURIComponent(value),
    'url with plus': encodeURIComponent(value).replaceAll('%20', '+'),
    ...Object.fromEntries(aligned.map((text, offset) => [`base64 at ${offset}`, text])),
    ...Object.fromEntries(
      aligned.map((text, offset) => [
        `base64url at ${offset}`,
        text.replaceAll('+', '-').replaceAll('/', '_'),
      ]),
    ),
  };
}

/** The characters of the base64 of `bytes` behind `offset` other bytes that depend on nothing but `bytes`. */
function alignedBase64(bytes: Buffer, offset: number): string {
  const text = Buffer.concat([Buffer.alloc(offset), bytes])
    .toString('base64')
    .replaceAll('=', '');
  const first = offset === 0 ? 0 : offset + 1;
  const wholeBits = (offset + bytes.length) * 8;
  return text.slice(first, Math.floor(wholeBits / 6));
}

/** What of the needles stands in the bytes, as `secret (form)`. */
export function found(needles: readonly Needle[], bytes: Buffer): readonly string[] {
  return needles.filter(({ text }) => bytes.includes(text)).map(({ secret, form }) => `${secret} (${form})`);
}

/** Every file below a folder, read whole; what vanishes meanwhile is passed over. */
export function filesBelow(folder: string): readonly { readonly path: string; readonly bytes: Buffer }[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' }).flatMap((name) => {
    const path = join(folder, name);
    try {
      return statSync(path).isFile() ? [{ path, bytes: readFileSync(path) }] : [];
    } catch {
      return [];
    }
  });
}
