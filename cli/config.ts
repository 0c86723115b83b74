// Where the server is and who we are: the environment first, then the file that `wayside login` writes.
import { chmod, mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { z } from 'zod';
import { Failure } from '../protocol/failures.ts';
import { parseJson } from '../protocol/json.ts';

export const defaultUrl = 'http://127.0.0.1:7400';
export const defaultProject = 'default';

const fileSchema = z.object({
  url: z.string().optional(),
  token: z.string().optional(),
  project: z.string().optional(),
  /** PEM of the authority that signed the server's certificate, where no public one did. */
  ca: z.string().optional(),
  /** Where somebody signed in by a browser: `token` is an access token then, and this gets the next one. */
  sign_in: z
    .object({
      refresh_token: z.string(),
      /** Epoch ms at which `token` lapses. */
      expires_at: z.number(),
    })
    .optional(),
});
export type ConfigFile = z.infer<typeof fileSchema>;

export interface CliConfig {
  readonly url: string;
  readonly token: string | null;
  readonly project: string;
  readonly ca: string | null;
  /** The sign-in behind `token`, and the file that keeps it; missing for a token that was given. */
  readonly signIn?: StoredSignIn;
}

export interface StoredSignIn {
  readonly path: string;
  readonly expiresAt: number;
}

export interface Environment {
  readonly [name: string]: string | undefined;
}

/** `~/.config/wayside/config.json`, or below XDG_CONFIG_HOME. */
export function configPath(environment: Environment): string {
  const base = environment['XDG_CONFIG_HOME'] ?? join(environment['HOME'] ?? homedir(), '.config');
  return join(base, 'wayside', 'config.json');
}

/** Flags win over the environment, the environment over the file, the file over the defaults. */
export async function readConfig(
  environment: Environment,
  flags: { readonly url?: string | undefined; readonly project?: string | undefined } = {},
): Promise<CliConfig> {
  const file = await readConfigFile(configPath(environment));
  const known = checkedUrl(file.url ?? defaultUrl);
  const url = checkedUrl(flags.url ?? given(environment['WAYSIDE_URL']) ?? known);
  // A stored token is for the server that it was stored for, and goes to no other.
  const stored = url === known ? file : {};
  const token = given(environment['WAYSIDE_TOKEN']);
  const signIn =
    token !== undefined || stored.sign_in === undefined
      ? null
      : { path: configPath(environment), expiresAt: stored.sign_in.expires_at };
  return Object.freeze({
    url,
    token: token ?? stored.token ?? null,
    ...(signIn === null ? {} : { signIn }),
    project: flags.project ?? given(environment['WAYSIDE_PROJECT']) ?? stored.project ?? defaultProject,
    ca: await caOf(given(environment['WAYSIDE_CA_FILE']), stored.ca ?? null),
  });
}

/** PEM of a file that is named for this once, else what was stored with the server. */
async function caOf(path: string | undefined, stored: string | null): Promise<string | null> {
  if (path === undefined) return stored;
  try {
    return await readFile(path, 'utf8');
  } catch (cause) {
    throw new Failure(
      'invalid_configuration',
      `${path}, which WAYSIDE_CA_FILE names, cannot be read: ${(cause as Error).message}`,
      { cause },
    );
  }
}

function checkedUrl(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : null;
  if (url === null || !['http:', 'https:'].includes(url.protocol) || url.search !== '' || url.hash !== '') {
    throw new Failure(
      'invalid_configuration',
      `${JSON.stringify(text)} is not the address of a server; write https://wayside.example or ${defaultUrl}.`,
    );
  }
  if (url.username !== '' || url.password !== '') {
    throw new Failure(
      'invalid_configuration',
      'An address carries no user and password; use `wayside login`.',
    );
  }
  return url.href.replace(/\/+$/, '');
}

/** A variable that is set to nothing is not set. */
function given(value: string | undefined): string | undefined {
  return value === '' ? undefined : value;
}

export async function readConfigFile(path: string): Promise<ConfigFile> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return {};
    throw new Failure('invalid_configuration', `${path} cannot be read: ${(cause as Error).message}`, {
      cause,
    });
  }
  try {
    return fileSchema.parse(parseJson(text));
  } catch (cause) {
    throw new Failure(
      'invalid_configuration',
      `${path} is not valid. Delete it and sign in again with \`wayside login\`.`,
      { cause },
    );
  }
}

/** Written beside and renamed, so that a crash leaves the old file; only its owner may read it. */
export async function writeConfigFile(path: string, file: ConfigFile): Promise<void> {
  const draft = `${path}.${process.pid}`;
  try {
    await mkdir(dirname(path), { recursive: true, mode: 0o700 });
    await writeFile(draft, `${JSON.stringify(file, null, 2)}\n`, { mode: 0o600 });
    await chmod(draft, 0o600);
    await rename(draft, path);
  } catch (cause) {
    await rm(draft, { force: true });
    throw new Failure('invalid_configuration', `${path} cannot be written: ${(cause as Error).message}`, {
      cause,
    });
  }
}
