// What the agent's two halves agree on: one half talks to the control plane and keeps the journal, the other
// evaluates and executes. Execution knows nothing of frames, the session nothing of processes.
import type { ActionDefinition, AgentSettings } from '../hcl/agent-file/definition.ts';
import type { Value } from '../hcl/values.ts';
import type { Outcome } from '../protocol/outcome.ts';

/** What the run is about, besides its inputs: the built-in values of hcl.md, section 2. */
export interface RunContext {
  readonly runId: string;
  readonly attempt: number;
  readonly requestedBy: string;
  readonly agent: { readonly id: string; readonly name: string };
  readonly actionName: string;
  readonly applicationName: string | null;
  /** The run's own token for the API, for an action that asks for one. */
  readonly token?: string;
}

/** One run, ready to execute: everything checked that can be checked before something starts. */
export interface RunRequest {
  readonly action: ActionDefinition;
  readonly settings: AgentSettings;
  /** By input name; marked SENSITIVE where the input is, and TAINTED always. Defaults are filled in. */
  readonly inputs: ReadonlyMap<string, Value>;
  readonly context: RunContext;
  /** When the action's time is over, on both clocks (rules.md 7); absent: its timeout from now on. */
  readonly deadline?: { readonly boot: number; readonly now: number };
  /** `host:port` of the control plane's listeners, names and addresses: no operation may reach them. */
  readonly deniedTargets?: readonly string[];
}

/** A process or container that an operation has started, for the journal (rules.md 15). */
export interface Spawned {
  readonly operation: string;
  readonly pid: number | null;
  /** Process group, which is the pid of its leader. */
  readonly group: number | null;
  /** Start time as the kernel tells it (field 22 of /proc/<pid>/stat); null where there is none. */
  readonly startTime: string | null;
  readonly container: string | null;
}

/** Where an execution tells what happens. Bytes and texts are already masked. */
export interface RunSink {
  /** Resolves when there is room for more: the source is not read until then (back-pressure). */
  output(event: {
    readonly operation: string;
    readonly stream: 'stdout' | 'stderr' | 'system';
    readonly bytes: Uint8Array;
  }): Promise<void>;
  status(event: {
    readonly operation: string;
    readonly message: string;
    readonly values: Readonly<Record<string, unknown>>;
    readonly status: 'running' | 'complete' | 'error' | null;
  }): Promise<void>;
  progress(event: {
    readonly operation: string;
    readonly kind: 'run' | 'http' | 'status' | 'container';
    readonly state: 'begun' | 'succeeded' | 'failed' | 'canceled' | 'timed_out' | 'skipped';
    readonly exitCode?: number;
    readonly durationMs?: number;
  }): Promise<void>;
  /** Called as soon as something was spawned, so that a restarted agent can find what is left of it. */
  spawned(process: Spawned): void;
}

/** Why an execution must stop. */
export interface StopOrder {
  readonly reason: 'requested' | 'timeout' | 'revoked' | 'drain' | 'deadline';
  readonly graceMs: number;
}

export interface Clock {
  /** Epoch ms. */
  now(): number;
  /** Milliseconds since boot, suspension included (rules.md 7). */
  boot(): number;
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
}

/**
 * Executes a run to its end: never throws for what happens in the world, always leaves no descendant alive.
 * `stop` aborts with a StopOrder as its reason.
 */
export type ExecuteRun = (
  request: RunRequest,
  options: {
    readonly sink: RunSink;
    readonly stop: AbortSignal;
    readonly clock: Clock;
  },
) => Promise<Outcome>;
