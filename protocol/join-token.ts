// The one-time token that brings a new agent in: `wsj_` + id + `.` + secret + `.` + the SHA-256 of the root
// certificate that the agent must see. A token that recovers a known agent has the same form.
import { Failure } from './failures.ts';
import { tokenPrefixes } from './ids.ts';

export interface JoinToken {
  /** UUIDv7 of the row that holds its hash. */
  readonly id: string;
  /** 32 random bytes, base64url. */
  readonly secret: string;
  /** Over the DER of the root certificate, 64 hexadecimal digits in lower case. */
  readonly rootSha256: string;
}

const tokenPattern = new RegExp(
  `^${tokenPrefixes.join}([0-9a-f-]{36})\\.([A-Za-z0-9_-]{43})\\.([0-9a-f]{64})$`,
);

export function formatJoinToken({ id, secret, rootSha256 }: JoinToken): string {
  return `${tokenPrefixes.join}${id}.${secret}.${rootSha256}`;
}

/** Throws `invalid_join_token`; the message never repeats the text. White space around the token is ignored. */
export function parseJoinToken(text: string): JoinToken {
  const match = tokenPattern.exec(text.trim());
  if (match === null) {
    throw new Failure(
      'invalid_join_token',
      'This is not a join token. Copy it whole: it begins with wsj_ and has three parts with full stops between them.',
    );
  }
  const [, id = '', secret = '', rootSha256 = ''] = match;
  return { id, secret, rootSha256 };
}
