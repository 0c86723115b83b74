// A copy of our sources with some lines changed: clocks that tick faster, or a guard that is taken away to see whether
// its test notices.
import { cpSync, mkdtempSync, readFileSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { repository } from './processes.ts';

export interface Patch {
  /** Path in the source tree. */
  readonly file: string;
  /** Must stand there exactly once. */
  readonly find: string;
  readonly replace: string;
}

export interface Sources extends Disposable {
  readonly root: string;
}

const folders = ['agent', 'cli', 'control-plane', 'hcl', 'protocol'];

/** Copies what both sides run, and changes it. Throws where a patch does not fit: then its test means nothing. */
export function copySources(patches: readonly Patch[]): Sources {
  const root = realpathSync(mkdtempSync(join(tmpdir(), 'wayside-sources-')));
  const remove = (): void => rmSync(root, { recursive: true, force: true });
  try {
    for (const folder of folders) cpSync(join(repository, folder), join(root, folder), { recursive: true });
    cpSync(join(repository, 'package.json'), join(root, 'package.json'));
    symlinkSync(realpathSync(join(repository, 'node_modules')), join(root, 'node_modules'));
    for (const { file, find, replace } of patches) {
      const path = join(root, file);
      const text = readFileSync(path, 'utf8');
      const count = text.split(find).length - 1;
      if (count !== 1) throw new Error(`${file} has ${count} times: ${find}`);
      writeFileSync(
        path,
        text.replace(find, () => replace),
      );
    }
    return { root, [Symbol.dispose]: remove };
  } catch (cause) {
    remove();
    throw cause;
  }
}

const limit = (name: string, from: string, to: string): Patch => ({
  file: 'protocol/limits.ts',
  find: `export const ${name} = ${from};`,
  replace: `export const ${name} = ${to};`,
});

/** Heartbeats and reconnects in seconds instead of minutes; nothing else is different. */
export const quickNetwork: readonly Patch[] = [
  limit('heartbeatMs', '20_000', '1_000'),
  limit('agentWatchdogMs', '75_000', '3_750'),
  limit('reconnectBackoffMsMin', '1_000', '300'),
  limit('reconnectBackoffMsMax', '60_000', '1_500'),
  limit('connectMsMax', '15_000', '4_000'),
];

/** A lease that lapses in two seconds instead of fifteen. */
export const shortLease: Patch = limit('leaseMs', '15_000', '2_000');

/** A schedule that is a second late has missed its time. */
export const strictSchedules: Patch = limit('misfireGraceMs', '60_000', '1_000');
