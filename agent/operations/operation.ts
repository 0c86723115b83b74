// What every kind of operation gets and answers.
import type {
  ActionDefinition,
  AgentSettings,
  OperationDefinition,
} from '../../hcl/agent-file/definition.ts';
import { stringValue } from '../../hcl/values.ts';
import type { Value } from '../../hcl/values.ts';
import type { Failure, FailureCode } from '../../protocol/failures.ts';
import type { Clock, RunContext, RunSink } from '../contract.ts';
import type { Fence } from '../fence.ts';
import type { ExecutionHost } from '../host.ts';
import type { Masks } from '../redact.ts';

/** Why an operation must stop now. */
export interface Halt {
  readonly result: 'canceled' | 'timed_out';
  readonly code: FailureCode;
  readonly message: string;
  /** How long what runs may take to terminate by itself. */
  readonly graceMs: number;
}

export interface OperationContext {
  readonly definition: OperationDefinition;
  /** What people call the operation. */
  readonly title: string;
  readonly action: ActionDefinition;
  readonly settings: AgentSettings;
  readonly context: RunContext;
  readonly sink: RunSink;
  readonly masks: Masks;
  readonly clock: Clock;
  readonly host: ExecutionHost;
  /** The run's control group, made when the first process needs it. */
  readonly fence: () => Fence | null;
  /** `host:port` of the control plane, which no operation may reach. */
  readonly deniedTargets: readonly string[];
  /** Aborts with a Halt. */
  readonly halt: AbortSignal;
}

/** How an operation ended. Texts are not masked yet. */
export interface OperationEnd {
  readonly result: 'succeeded' | 'failed' | 'canceled' | 'timed_out';
  readonly code?: FailureCode;
  readonly message?: string;
  readonly exitCode?: number;
  readonly signal?: string;
  readonly httpStatus?: number;
  /** What later expressions see as `operation.NAME`; not marked yet. */
  readonly values: ReadonlyMap<string, Value>;
  readonly survivors: readonly string[];
}

export const nothing: Pick<OperationEnd, 'values' | 'survivors'> = { values: new Map(), survivors: [] };

/** The reason of an aborted halt signal. */
export function haltOf(signal: AbortSignal): Halt {
  return signal.reason as Halt;
}

/** Resolves with the Halt when the signal aborts, or never. `forget` lets go of the signal. */
export function whenHalted(signal: AbortSignal): {
  readonly halted: Promise<Halt>;
  readonly forget: () => void;
} {
  const { promise, resolve } = Promise.withResolvers<Halt>();
  const tell = (): void => {
    resolve(haltOf(signal));
  };
  if (signal.aborted) tell();
  else signal.addEventListener('abort', tell, { once: true });
  return {
    halted: promise,
    forget: () => {
      signal.removeEventListener('abort', tell);
    },
  };
}

/** Of an operation that was stopped before it had begun anything. */
export function haltedBy({ result, code, message }: Halt): OperationEnd {
  return { ...nothing, result, code, message };
}

export function failedBy(failure: Failure, more: Partial<OperationEnd> = {}): OperationEnd {
  return { ...nothing, result: 'failed', code: failure.code, message: failure.message, ...more };
}

/** One line of the agent's own about an operation, masked. */
export async function say(
  { sink, masks, title }: Pick<OperationContext, 'sink' | 'masks' | 'title'>,
  line: string,
): Promise<void> {
  await sink.output({ operation: title, stream: 'system', bytes: Buffer.from(`${masks.text(line)}\n`) });
}

/** A text that came from outside as a value: NFC, well formed, and foreign once the run marks it. */
export function foreignText(bytes: Uint8Array): Value {
  return stringValue(new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes));
}
