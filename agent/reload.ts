// Hot reload: the files are read again on SIGHUP and when they change. A file with errors changes nothing here, and
// both sides hear of it.
import type { AgentConfig } from './config.ts';
import { loadErrorsOf, loadRegistry, readSources, watchFiles } from './load.ts';
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
    for (const group of registry.groups) {
      if (!work.state.knownGroups.includes(group)) log.warn({ group }, strangerMessage);
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

/** Only the next welcome tells what has been allowed since; a start with such a group would end with this message. */
const strangerMessage =
  'The control plane has not said that this agent may serve this group: its actions may get no runs.';
