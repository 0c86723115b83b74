// A passkey authenticator in software (WebAuthn Level 3): makes P-256 keys, counts their uses, and answers what a
// browser would pass on. CBOR (RFC 8949) and COSE (RFC 9053) by hand, signatures by node:crypto.
import { createHash, generateKeyPairSync, randomBytes, sign } from 'node:crypto';
import type { KeyObject } from 'node:crypto';

type Cbor = number | string | Uint8Array | ReadonlyMap<number | string, Cbor>;

/** The deterministic encoding of what WebAuthn needs of it. */
export function encodeCbor(value: Cbor): Buffer {
  if (typeof value === 'number') return value >= 0 ? head(0, value) : head(1, -1 - value);
  if (typeof value === 'string') {
    const bytes = Buffer.from(value, 'utf8');
    return Buffer.concat([head(3, bytes.length), bytes]);
  }
  if (value instanceof Uint8Array) return Buffer.concat([head(2, value.length), value]);
  const pairs = [...value].flatMap(([key, member]) => [encodeCbor(key), encodeCbor(member)]);
  return Buffer.concat([head(5, value.size), ...pairs]);
}

function head(major: number, length: number): Buffer {
  const top = major << 5;
  if (length < 24) return Buffer.from([top | length]);
  if (length < 256) return Buffer.from([top | 24, length]);
  return Buffer.from([top | 25, length >> 8, length & 255]);
}

export interface Passkey {
  readonly id: string;
  readonly rpId: string;
  readonly userHandle: string;
  readonly key: KeyObject;
  counter: number;
}

export interface CreationOptions {
  readonly challenge: string;
  readonly rp: { readonly id?: string };
  readonly user: { readonly id: string };
  readonly excludeCredentials?: readonly { readonly id: string }[];
  readonly authenticatorSelection?: { readonly userVerification?: string; readonly residentKey?: string };
}

export interface RequestOptions {
  readonly challenge: string;
  readonly rpId?: string;
}

/** What goes wrong on purpose. */
export interface Deviation {
  /** The page that asks is not ours. */
  readonly origin?: string;
  readonly challenge?: string;
  readonly rpId?: string;
  /** The holder was not verified. */
  readonly unverified?: boolean;
  readonly badSignature?: boolean;
  readonly userHandle?: string;
  /** The count that it says. */
  readonly counter?: number;
  readonly type?: string;
}

const flags = { present: 0x01, verified: 0x04, attested: 0x40 };

export class Authenticator {
  readonly origin: string;
  readonly passkeys: Passkey[] = [];
  /** Many passkeys that are copied between devices do not count. */
  readonly counts: boolean;

  constructor(origin: string, options: { readonly counts?: boolean } = {}) {
    this.origin = origin;
    this.counts = options.counts ?? true;
  }

  /** Answers `navigator.credentials.create`, as JSON. */
  create(options: CreationOptions, deviation: Deviation = {}) {
    const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const { x, y } = publicKey.export({ format: 'jwk' });
    const cose = encodeCbor(
      new Map<number, Cbor>([
        [1, 2],
        [3, -7],
        [-1, 1],
        [-2, Buffer.from(x ?? '', 'base64url')],
        [-3, Buffer.from(y ?? '', 'base64url')],
      ]),
    );
    const rpId = deviation.rpId ?? options.rp.id ?? '';
    const id = randomBytes(32);
    const attested = Buffer.concat([Buffer.alloc(16), uint16(id.length), id, cose]);
    const passkey = {
      id: id.toString('base64url'),
      rpId,
      userHandle: options.user.id,
      key: privateKey,
      counter: 0,
    };
    this.passkeys.push(passkey);
    const verified = deviation.unverified === true ? 0 : flags.verified;
    const authData = this.#authenticatorData(rpId, flags.present | verified | flags.attested, 0, attested);
    const attestation = new Map<string, Cbor>([
      ['fmt', 'none'],
      ['attStmt', new Map()],
      ['authData', authData],
    ]);
    return {
      id: passkey.id,
      rawId: passkey.id,
      type: 'public-key',
      response: {
        clientDataJSON: this.#clientData('webauthn.create', options.challenge, deviation).toString(
          'base64url',
        ),
        attestationObject: encodeCbor(attestation).toString('base64url'),
        transports: ['internal'],
      },
      clientExtensionResults: {},
    };
  }

  /** Answers `navigator.credentials.get` with the first passkey of the site, as JSON. */
  get(options: RequestOptions, deviation: Deviation = {}) {
    const passkey = this.passkeys.find(({ rpId }) => rpId === options.rpId);
    if (passkey === undefined) throw new Error(`there is no passkey for ${options.rpId ?? 'nothing'}`);
    if (this.counts) passkey.counter += 1;
    const counter = deviation.counter ?? passkey.counter;
    const verified = deviation.unverified === true ? 0 : flags.verified;
    const rpId = deviation.rpId ?? passkey.rpId;
    const authData = this.#authenticatorData(rpId, flags.present | verified, counter);
    const clientData = this.#clientData('webauthn.get', options.challenge, deviation);
    const hash = createHash('sha256').update(clientData).digest();
    const signature = sign('sha256', Buffer.concat([authData, hash]), passkey.key);
    if (deviation.badSignature === true) signature[signature.length - 1]! ^= 1;
    return {
      id: passkey.id,
      rawId: passkey.id,
      type: 'public-key',
      response: {
        clientDataJSON: clientData.toString('base64url'),
        authenticatorData: authData.toString('base64url'),
        signature: signature.toString('base64url'),
        userHandle: deviation.userHandle ?? passkey.userHandle,
      },
      clientExtensionResults: {},
    };
  }

  #clientData(type: string, challenge: string, deviation: Deviation): Buffer {
    return Buffer.from(
      JSON.stringify({
        type: deviation.type ?? type,
        challenge: deviation.challenge ?? challenge,
        origin: deviation.origin ?? this.origin,
        crossOrigin: false,
      }),
    );
  }

  #authenticatorData(
    rpId: string,
    bits: number,
    counter: number,
    more: Uint8Array = new Uint8Array(),
  ): Buffer {
    const hash = createHash('sha256').update(rpId).digest();
    const count = Buffer.alloc(4);
    count.writeUInt32BE(counter);
    return Buffer.concat([hash, Buffer.from([bits]), count, more]);
  }
}

function uint16(value: number): Buffer {
  return Buffer.from([value >> 8, value & 255]);
}
