// Finds the program of a command before it is started, so that a missing one is named with its path (R6), and dresses
// it in another user where the file asks for that (rules.md 27).
import { execFile } from 'node:child_process';
import { accessSync, constants, statSync } from 'node:fs';
import { realpath, stat } from 'node:fs/promises';
import { delimiter, dirname, join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { Failure } from '../../protocol/failures.ts';
import type { PlannedDir } from '../plan/operation-plan.ts';

/**
 * The path of a program, as execvp(3) finds it: a name with a slash is taken from `dir`, another is looked for in
 * `path`. Throws `exec_not_found`, or `exec_not_permitted` for a file that cannot be executed.
 */
export function findProgram(
  name: string,
  { dir, path }: { readonly dir: string; readonly path: string },
): string {
  const candidates = name.includes('/')
    ? [resolve(dir, name)]
    : path.split(delimiter).map((folder) => join(folder === '' ? dir : folder, name));
  let forbidden: string | null = null;
  for (const candidate of candidates) {
    const verdict = look(candidate);
    if (verdict === 'program') return candidate;
    if (verdict === 'forbidden') forbidden ??= candidate;
  }
  if (forbidden !== null) {
    throw new Failure(
      'exec_not_permitted',
      `${forbidden} may not be executed: check its mode and its owner.`,
    );
  }
  throw new Failure(
    'exec_not_found',
    name.includes('/') ? `${resolve(dir, name)} was not found.` : `${name} was not found in PATH (${path}).`,
  );
}

function look(path: string): 'program' | 'forbidden' | 'nothing' {
  try {
    if (!statSync(path).isFile()) return 'forbidden';
    accessSync(path, constants.X_OK);
    return 'program';
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EACCES' ? 'forbidden' : 'nothing';
  }
}

/**
 * The working directory. Throws `dir_not_found`, and `tainted_path` where a foreign last segment turns out to be a
 * link to somewhere else.
 */
export async function findDir(dir: PlannedDir | null, fallback: string): Promise<string> {
  const path = dir === null ? fallback : resolve(fallback, dir.path.value);
  const real = await realpath(path).catch(() => null);
  if (real === null || !(await stat(real)).isDirectory()) {
    throw new Failure('dir_not_found', `The working directory ${path} does not exist or is not a folder.`);
  }
  const within = dir?.within ?? null;
  if (within !== null && dirname(real) !== (await realpath(within))) {
    throw new Failure('tainted_path', `The working directory ${path} leads out of ${within}.`);
  }
  return dir === null ? path : real;
}

export interface UserAccount {
  readonly home: string;
  readonly uid: string;
  readonly gid: string;
}

/** Reads the account of a user by getent(1). Throws `exec_failed` when there is none. */
export async function findUser(name: string): Promise<UserAccount> {
  try {
    const { stdout } = await promisify(execFile)('getent', ['passwd', '--', name]);
    const [, , uid, gid, , home] = stdout.trim().split(':');
    if (uid !== undefined && gid !== undefined && home !== undefined) return { uid, gid, home };
  } catch {
    // Said below: no account, or no getent.
  }
  throw new Failure('exec_failed', `This machine has no user ${name}, as which the command is to run.`);
}

/**
 * The command as that user, who can gain no privileges: setpriv(1) drops the groups, every capability and the way to
 * get them back, then becomes the program. Only root can become someone else. Throws `exec_failed`.
 */
export function asUser(
  {
    name,
    account,
    agentUid,
  }: { readonly name: string; readonly account: UserAccount; readonly agentUid: number },
  {
    setpriv,
    program,
    args,
  }: { readonly setpriv: string; readonly program: string; readonly args: readonly string[] },
): { readonly program: string; readonly args: readonly string[] } {
  if (agentUid !== 0 && String(agentUid) !== account.uid) {
    throw new Failure('exec_failed', `Only an agent that runs as root can run a command as ${name}.`);
  }
  const become = [
    `--reuid=${account.uid}`,
    `--regid=${account.gid}`,
    '--init-groups',
    '--inh-caps=-all',
    '--bounding-set=-all',
  ];
  const options = ['--no-new-privs', ...(agentUid === 0 ? become : [])];
  return { program: setpriv, args: [...options, '--', program, ...args] };
}
