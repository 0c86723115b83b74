// The sign-in that `wayside login` keeps: its access token is replaced before it lapses, by one process at a time,
// because a refresh token that is used twice ends the sign-in (RFC 9700, section 4.14.2).
import { open, rm, stat } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { tokenAnswerSchema, tokenErrorSchema } from '../protocol/api/oauth.ts';
import type { TokenAnswer } from '../protocol/api/oauth.ts';
import { Failure } from '../protocol/failures.ts';
import { readConfigFile, writeConfigFile } from './config.ts';
import type { ConfigFile } from './config.ts';

export const clientId = 'wayside-cli';
export const tokenPath = '/oauth2/token';
export const revocationPath = '/oauth2/revoke';

/** A lock that is older than any exchange takes was left by a process that died. */
const lockMsMax = 30_000;
const lockPollMs = 50;

type PostForm = (
  form: Readonly<Record<string, string>>,
) => Promise<{ readonly status: number; readonly body: unknown }>;

export interface Renewed {
  readonly token: string;
  /** Epoch ms. */
  readonly expiresAt: number;
}

/** What the file keeps of a sign-in. */
export interface KeptSignIn {
  readonly token: string;
  readonly sign_in: NonNullable<ConfigFile['sign_in']>;
}

/** What is stored of an answer of the token endpoint. Throws `not_signed_in` where it has no refresh token. */
export function signInOf(answer: TokenAnswer): KeptSignIn {
  const { access_token: token, refresh_token, expires_in } = answer;
  if (refresh_token === undefined) {
    throw new Failure('not_signed_in', 'The server gave no refresh token, so nothing can be stored.');
  }
  return { token, sign_in: { refresh_token, expires_at: Date.now() + expires_in * 1_000 } };
}

/** Throws `not_signed_in` where the sign-in has ended. */
export async function renewSignIn(path: string, post: PostForm): Promise<Renewed> {
  await using _lock = await takeLock(`${path}.lock`);
  const file = await readConfigFile(path);
  if (file.sign_in === undefined || file.token === undefined) throw ended();
  // Another process may have been here while we waited.
  if (file.sign_in.expires_at - Date.now() > lockMsMax) {
    return { token: file.token, expiresAt: file.sign_in.expires_at };
  }
  const { status, body } = await post({
    grant_type: 'refresh_token',
    client_id: clientId,
    refresh_token: file.sign_in.refresh_token,
  });
  if (status !== 200) {
    const refused = tokenErrorSchema.safeParse(body);
    if (refused.success && refused.data.error === 'invalid_grant') throw ended();
    const why = refused.success ? (refused.data.error_description ?? refused.data.error) : `status ${status}`;
    throw new Failure('unavailable', `The sign-in could not be renewed: ${why}.`);
  }
  const stored = signInOf(tokenAnswerSchema.parse(body));
  await writeConfigFile(path, { ...file, ...stored });
  return { token: stored.token, expiresAt: stored.sign_in.expires_at };
}

function ended(): Failure {
  return new Failure('not_signed_in', 'Your sign-in has ended. Sign in again with `wayside login`.');
}

async function takeLock(path: string): Promise<AsyncDisposable> {
  const giveUpAt = Date.now() + 2 * lockMsMax;
  for (;;) {
    try {
      const handle = await open(path, 'wx', 0o600);
      await handle.close();
      return { [Symbol.asyncDispose]: () => rm(path, { force: true }) };
    } catch (cause) {
      if ((cause as NodeJS.ErrnoException).code !== 'EEXIST' || Date.now() > giveUpAt) {
        throw new Failure('invalid_configuration', `${path} cannot be made: ${(cause as Error).message}`, {
          cause,
        });
      }
    }
    const found = await stat(path).catch(() => null);
    if (found !== null && Date.now() - found.mtimeMs > lockMsMax) await rm(path, { force: true });
    else await delay(lockPollMs);
  }
}
