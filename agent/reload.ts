// Hot reload: the files are read again on SIGHUP and when they change. A file with errors changes nothing here, and
// both sides hear of it.
import type { AgentConfig } from './config.ts';
import { loadErrorsOf, loadRegistry, readSources, watchFiles } from './load.ts';
import type { Registry } from './load.ts';
import type { Log } from './log.ts';
import type { Trust } from './trust.ts';
import type { Work } from './work.ts';

export interface ReloadOptions {
  readonly path: string;
  readonly config: AgentConfig;
  readonly trust: Trust;
  readonly work: Work;
  readonly log: Log;
}

export interface FollowedFiles {
  /** Reads the files now, changed or not. */
  reload(): void;
  close(): void;
}

export function followFiles(options: ReloadOptions): FollowedFiles {
  let seen = textOf(options.path);
  const watch = watchFiles(options.path, () => {
    const text = textOf(options.path);
    if (text === seen) return;
    seen = text;
    reload(options);
  });
  return {
    reload: () => {
      seen = textOf(options.path);
      reload(options);
    },
    close: () => {
      watch.close();
    },
  };
}

/** Null while the files cannot be read. */
function textOf(path: string): string | null {
  try {
    return JSON.stringify(readSources(path));
  } catch {
    return null;
  }
}

function reload({ path, config, trust, work, log }: ReloadOptions): void {
  try {
    const { registry, diagnostics } = loadRegistry(readSources(path), config);
    if (registry === null) return refuse({ trust, work, log }, loadErrorsOf(diagnostics));
    const strangers = unknownGroups(registry, work);
    if (strangers.length > 0) {
      const names = strangers.map((name) => `"${name}"`).join(', ');
      return refuse({ trust, work, log }, [`The control plane does not know the group ${names}.`]);
    }
    if (config.stateDir(registry.settings) !== config.stateDir(trust.registry.settings)) {
      log.warn('Another state_dir counts only after a restart.');
    }
    trust.registry = registry;
    log.info({ actions: registry.actions.length }, 'The agent file was loaded again.');
    tell({ trust, work }, []);
  } catch (cause) {
    refuse({ trust, work, log }, [(cause as Error).message]);
  }
}

function refuse(
  { trust, work, log }: Pick<ReloadOptions, 'trust' | 'work' | 'log'>,
  errors: readonly string[],
): void {
  log.error({ errors }, 'The agent file was not taken: the definitions that were loaded before stay.');
  tell({ trust, work }, errors);
}

function tell({ trust, work }: Pick<ReloadOptions, 'trust' | 'work'>, loadErrors: readonly string[]): void {
  const { advertisement, settings } = trust.registry;
  work.inbox.put({
    type: 'reloaded',
    advertisement: { ...advertisement, loadErrors },
    concurrency: settings.concurrency,
    shutdownGraceMs: settings.shutdownGraceMs,
  });
}

/** Of a file that names a group which the last welcome did not: the server would refuse it only at the next hello. */
function unknownGroups(registry: Registry, work: Work): readonly string[] {
  const { everWelcomed, knownGroups } = work.state;
  return everWelcomed ? registry.groups.filter((group) => !knownGroups.includes(group)) : [];
}
