// The few forms of DER (ITU-T X.690) that a revocation list is made of. The ASN.1 library takes 0.7 s for ten
// thousand entries; these take milliseconds, so that no worker thread is needed.

const classes = { integer: 0x02, octets: 0x04, object: 0x06, sequence: 0x30, bits: 0x03 } as const;

export function sequence(...parts: readonly Uint8Array[]): Uint8Array {
  return element(classes.sequence, Buffer.concat(parts));
}

/** `[n]`, constructed, context-specific. */
export function tagged(number: number, content: Uint8Array): Uint8Array {
  return element(0xa0 | number, content);
}

export function octetString(content: Uint8Array): Uint8Array {
  return element(classes.octets, content);
}

export function bitString(content: Uint8Array): Uint8Array {
  return element(classes.bits, Buffer.concat([Uint8Array.of(0), content]));
}

/** A non-negative integer from big-endian bytes: shortest form, first bit clear. */
export function integer(bytes: Uint8Array): Uint8Array {
  let start = 0;
  while (start < bytes.length - 1 && bytes[start] === 0) start += 1;
  const content = bytes.subarray(start);
  const positive = ((content[0] ?? 0) & 0x80) === 0 ? content : Buffer.concat([Uint8Array.of(0), content]);
  return element(classes.integer, positive);
}

export function objectIdentifier(dotted: string): Uint8Array {
  const [first = 0, second = 0, ...rest] = dotted.split('.').map(Number);
  return element(classes.object, Uint8Array.from([first * 40 + second, ...rest.flatMap(base128)]));
}

/** UTCTime up to 2049, GeneralizedTime from then on (RFC 5280, section 5.1.2.4). */
export function time(epochMs: number): Uint8Array {
  const digits = new Date(epochMs).toISOString().replaceAll(/[-:T]/g, '').slice(0, 14);
  const isShort = digits < '2050';
  return element(isShort ? 0x17 : 0x18, Buffer.from(`${isShort ? digits.slice(2) : digits}Z`, 'ascii'));
}

function element(tag: number, content: Uint8Array): Uint8Array {
  return Buffer.concat([Uint8Array.from([tag, ...lengthOf(content.length)]), content]);
}

function lengthOf(length: number): number[] {
  if (length < 0x80) return [length];
  const bytes: number[] = [];
  for (let rest = length; rest > 0; rest = Math.floor(rest / 256)) bytes.unshift(rest % 256);
  return [0x80 | bytes.length, ...bytes];
}

function base128(value: number): number[] {
  const bytes = [value & 0x7f];
  for (let rest = value >>> 7; rest > 0; rest >>>= 7) bytes.unshift((rest & 0x7f) | 0x80);
  return bytes;
}
