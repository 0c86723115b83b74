// The text form of a sealed value: `w1.<provider>.<key version>.<wrapped key>.<iv>.<ciphertext>.<tag>`, the bytes in
// base64url. The version stands in front, so that a plain `like` finds what a key version is still needed for.
import type { WrappedKey } from './key-provider.ts';

export interface Envelope {
  readonly provider: string;
  readonly key: WrappedKey;
  /** 12 bytes. */
  readonly iv: Uint8Array;
  readonly ciphertext: Uint8Array;
  /** 16 bytes. */
  readonly tag: Uint8Array;
}

const pattern = /^w1\.([a-z]{1,32})\.([1-9][0-9]{0,8})\.([\w-]{1,1024})\.([\w-]{16})\.([\w-]*)\.([\w-]{22})$/;

export function formatEnvelope(envelope: Envelope): string {
  const { provider, key, iv, ciphertext, tag } = envelope;
  return ['w1', provider, key.version, ...[key.bytes, iv, ciphertext, tag].map(encode)].join('.');
}

/** Null for whatever formatEnvelope would not write, byte for byte. */
export function parseEnvelope(text: string): Envelope | null {
  const match = pattern.exec(text);
  if (match === null) return null;
  const [, provider = '', version = '', wrapped = '', iv = '', ciphertext = '', tag = ''] = match;
  const envelope = {
    provider,
    key: { version: Number(version), bytes: decode(wrapped) },
    iv: decode(iv),
    ciphertext: decode(ciphertext),
    tag: decode(tag),
  };
  return formatEnvelope(envelope) === text ? envelope : null;
}

/** What `like` finds: every envelope of this provider, or of one version of it. */
export function envelopePrefix(provider: string, version?: number): string {
  return version === undefined ? `w1.${provider}.` : `w1.${provider}.${version}.`;
}

function encode(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('base64url');
}

function decode(text: string): Uint8Array {
  return Buffer.from(text, 'base64url');
}
