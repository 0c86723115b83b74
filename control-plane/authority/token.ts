// Bearer tokens: 32 random bytes behind a prefix that scanners know. Only the SHA-256 is stored; a token of full
// entropy needs no slow hash.
import { hash, randomBytes } from 'node:crypto';
import { tokenPrefixes } from '../../protocol/ids.ts';
import { tokenBytes } from '../../protocol/limits.ts';

/** A fresh personal token and the hash that is stored for it. */
export function mintToken(): { readonly token: string; readonly hash: string } {
  const token = tokenPrefixes.personal + randomBytes(tokenBytes).toString('base64url');
  return { token, hash: hashToken(token) };
}

export function isPersonalToken(token: string): boolean {
  return token.startsWith(tokenPrefixes.personal);
}

export function hashToken(token: string): string {
  return hash('sha256', token, 'hex');
}
