// Executes an action of an agent file as the agent does, with everything real but the control plane, and keeps what
// it tells.
import { randomUUID } from 'node:crypto';
import { systemClock } from '../../agent/clock.ts';
import type { RunRequest, RunSink, Spawned, StopOrder } from '../../agent/contract.ts';
import { createExecuteRun } from '../../agent/execute.ts';
import { noFences } from '../../agent/fence.ts';
import { hostOf } from '../../agent/host.ts';
import type { ExecutionHost } from '../../agent/host.ts';
import type { ActionDefinition, AgentFile } from '../../hcl/agent-file/definition.ts';
import { loadAgentFile } from '../../hcl/agent-file/load.ts';
import { convert } from '../../hcl/convert.ts';
import { valueFromJson } from '../../hcl/json.ts';
import { ANY, NULL, SENSITIVE, TAINTED, withMarksDeep } from '../../hcl/values.ts';
import type { Value } from '../../hcl/values.ts';
import { outcomeSchema } from '../../protocol/outcome.ts';
import type { Outcome } from '../../protocol/outcome.ts';
import { noKeeper, path } from './children.ts';

type StatusEvent = Parameters<RunSink['status']>[0];
type ProgressEvent = Parameters<RunSink['progress']>[0];

export interface RunOptions {
  /** Name of the action; the only one when absent. */
  readonly action?: string;
  /** JSON text by input name, for instance `{ version: '"v1"' }`. */
  readonly inputs?: Readonly<Record<string, string>>;
  readonly environment?: Readonly<Record<string, string>>;
  readonly host?: Partial<ExecutionHost>;
  readonly request?: Partial<RunRequest>;
  readonly stop?: AbortSignal;
  readonly sink?: Partial<RunSink>;
  readonly compatibility?: boolean;
}

export interface Told {
  readonly outcome: Outcome;
  readonly runId: string;
  /** What was printed, by stream. */
  readonly stdout: string;
  readonly stderr: string;
  readonly system: string;
  readonly statuses: readonly StatusEvent[];
  readonly progress: readonly ProgressEvent[];
  readonly spawned: readonly Spawned[];
  /** Everything that left the execution, as one text: where a test looks for secrets. */
  readonly everything: string;
}

export function loadText(text: string, options: { readonly compatibility?: boolean } = {}): AgentFile {
  const { file, diagnostics } = loadAgentFile([{ name: 'agent.hcl', text }], options);
  if (file === null)
    throw new Error(diagnostics.map(({ summary, detail }) => `${summary}: ${detail}`).join('\n'));
  return file;
}

/** Inputs as the agent has them after verification. */
export function inputsOf(
  action: ActionDefinition,
  given: Readonly<Record<string, string>>,
): ReadonlyMap<string, Value> {
  const values = new Map<string, Value>();
  for (const [name, json] of Object.entries(given)) {
    const definition = action.inputs.find((each) => each.name === name);
    const converted = convert(valueFromJson(json), definition?.type ?? ANY);
    if (!('value' in converted)) throw new Error(`${name}: ${converted.problem}`);
    const marks = TAINTED | (definition?.sensitive === true ? SENSITIVE : 0);
    values.set(name, withMarksDeep(converted.value, marks));
  }
  for (const { name, default: standard } of action.inputs) {
    if (!values.has(name)) values.set(name, withMarksDeep(standard ?? NULL, TAINTED));
  }
  return values;
}

export async function runText(text: string, options: RunOptions = {}): Promise<Told> {
  const file = loadText(text, { compatibility: options.compatibility === true });
  const action = file.actions.find(({ name }) => options.action === undefined || name === options.action);
  if (action === undefined) throw new Error(`no action ${options.action ?? ''}`);
  const runId = randomUUID();
  const streams = { stdout: '', stderr: '', system: '' };
  const statuses: StatusEvent[] = [];
  const progress: ProgressEvent[] = [];
  const spawned: Spawned[] = [];
  const request: RunRequest = {
    action,
    settings: file.settings,
    inputs: inputsOf(action, options.inputs ?? {}),
    context: {
      runId,
      attempt: 1,
      requestedBy: 'ada',
      agent: { id: 'a-1', name: 'agent one' },
      actionName: action.name,
      applicationName: null,
    },
    ...options.request,
  };
  const host: ExecutionHost = {
    ...hostOf({ env: { PATH: path, ...options.environment }, cwd: '/' }),
    keeper: noKeeper,
    fences: noFences,
    ...options.host,
  };
  const outcome = await createExecuteRun(host)(request, {
    clock: systemClock(),
    stop: options.stop ?? new AbortController().signal,
    sink: {
      output: ({ stream, bytes, operation }) => {
        streams[stream] += Buffer.from(bytes).toString();
        return options.sink?.output?.({ stream, bytes, operation }) ?? Promise.resolve();
      },
      status: (event) => {
        statuses.push(event);
        return Promise.resolve();
      },
      progress: (event) => {
        progress.push(event);
        return Promise.resolve();
      },
      spawned: (process) => {
        spawned.push(process);
        options.sink?.spawned?.(process);
      },
    },
  });
  outcomeSchema.parse(outcome);
  const everything = JSON.stringify({ outcome, streams, statuses, progress, spawned });
  return { outcome, runId, ...streams, statuses, progress, spawned, everything };
}

/** A signal that stops a run, and the way to pull it. */
export function stopper(): { readonly signal: AbortSignal; stop(order: StopOrder): void } {
  const controller = new AbortController();
  return {
    signal: controller.signal,
    stop: (order) => {
      controller.abort(order);
    },
  };
}
