// From files on the disk to a frozen registry of what this agent does, and to what it says of that. Files are read
// again on SIGHUP and when they change; a file with errors changes nothing but what is reported.
import { readdirSync, readFileSync, statSync, watch } from 'node:fs';
import type { FSWatcher } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { advertiseAction } from '../hcl/agent-file/advertise.ts';
import type { ActionDefinition, AgentSettings } from '../hcl/agent-file/definition.ts';
import { loadAgentFile } from '../hcl/agent-file/load.ts';
import type { SourceText } from '../hcl/agent-file/load.ts';
import { positionOf } from '../hcl/diagnostic.ts';
import type { Diagnostic } from '../hcl/diagnostic.ts';
import { Failure } from '../protocol/failures.ts';
import type { Definition } from '../protocol/frames.ts';
import { stringifyJson } from '../protocol/json.ts';
import { agentFileBytesMax, frameBytesMax, reloadQuietMs } from '../protocol/limits.ts';
import type { Advertisement } from './work-state.ts';

/** What a hello needs besides the definitions. */
const helloReserveBytes = 384 * 1024;
const loadErrorsMax = 100;
const loadErrorCharactersMax = 2_000;

export interface Registry {
  readonly settings: AgentSettings;
  readonly groups: readonly string[];
  readonly actions: readonly ActionDefinition[];
  readonly advertisement: Advertisement;
  find(group: string, operation: string): ActionDefinition | null;
}

export interface Loaded {
  /** Null as soon as one diagnostic is an error. */
  readonly registry: Registry | null;
  readonly diagnostics: readonly Diagnostic[];
}

/** Settings as flags and environment change them. */
export type Overrides = (settings: AgentSettings) => AgentSettings;

/** A file, or every `*.hcl` in a folder, by name. Throws `invalid_agent_file` where there is none to read. */
export function readSources(path: string): readonly SourceText[] {
  const names = filesOf(path);
  if (names.length === 0) {
    throw new Failure('invalid_agent_file', `The folder ${path} has no *.hcl file.`);
  }
  return names.map((name) => {
    try {
      const { size } = statSync(name);
      if (size > agentFileBytesMax) {
        throw new Failure('invalid_agent_file', `${name} is larger than ${agentFileBytesMax} bytes.`);
      }
      return { name, text: readFileSync(name, 'utf8') };
    } catch (cause) {
      throw cause instanceof Failure ? cause : unreadable(name, cause);
    }
  });
}

function filesOf(path: string): readonly string[] {
  try {
    if (!statSync(path).isDirectory()) return [path];
    return readdirSync(path)
      .filter((name) => name.endsWith('.hcl') && !name.startsWith('.'))
      .sort()
      .map((name) => join(path, name));
  } catch (cause) {
    throw unreadable(path, cause);
  }
}

function unreadable(path: string, cause: unknown): Failure {
  return new Failure(
    'invalid_agent_file',
    `${path} cannot be read: check that it exists and who may read it.`,
    {
      cause,
    },
  );
}

/** Loads what was read. Never throws for what the files say. */
export function loadRegistry(
  sources: readonly SourceText[],
  { overrides, compatibility }: { readonly overrides: Overrides; readonly compatibility: boolean },
): Loaded {
  const { file, diagnostics } = loadAgentFile(sources, compatibility ? { compatibility } : {});
  if (file === null) return { registry: null, diagnostics };
  const byName = new Map(file.actions.map((action) => [`${action.group}/${action.name}`, action]));
  const definitions: readonly Definition[] = file.actions.map(advertiseAction);
  if (stringifyJson(definitions).length > frameBytesMax - helloReserveBytes) {
    throw new Failure(
      'invalid_agent_file',
      'The definitions are too large to be advertised: split them over several agents.',
    );
  }
  const registry: Registry = {
    settings: overrides(file.settings),
    groups: file.groups,
    actions: file.actions,
    advertisement: { groups: file.groups, definitions, loadErrors: [] },
    find: (group, operation) => byName.get(`${group}/${operation}`) ?? null,
  };
  return { registry: Object.freeze(registry), diagnostics };
}

/** Errors as one line each, as the control plane shows them. */
export function loadErrorsOf(diagnostics: readonly Diagnostic[]): readonly string[] {
  return diagnostics
    .filter(({ severity }) => severity === 'error')
    .slice(0, loadErrorsMax)
    .map((diagnostic) => {
      const { line, column } = positionOf(diagnostic.source, diagnostic.span.start);
      const place = `${basename(diagnostic.source.name)}:${line}:${column}`;
      return `${place}: ${diagnostic.summary}. ${diagnostic.detail}`.slice(0, loadErrorCharactersMax);
    });
}

export interface FileWatch {
  close(): void;
}

/**
 * Calls `changed` when the file, or something in the folder, may have changed, after a moment of quiet. The folder of
 * a file is watched, because editors and configuration tools replace files.
 */
export function watchFiles(path: string, changed: () => void): FileWatch {
  let timer: NodeJS.Timeout | null = null;
  const soon = (): void => {
    if (timer !== null) clearTimeout(timer);
    timer = setTimeout(changed, reloadQuietMs);
    timer.unref();
  };
  const watchers: FSWatcher[] = [];
  const folder = statSync(path).isDirectory() ? path : dirname(path);
  try {
    const watcher = watch(folder, soon);
    watcher.on('error', () => undefined);
    watchers.push(watcher);
  } catch {
    // Without a watch of the file system SIGHUP is left.
  }
  return {
    close: () => {
      if (timer !== null) clearTimeout(timer);
      for (const watcher of watchers) watcher.close();
    },
  };
}
