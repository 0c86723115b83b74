// What an agent says of an action to the control plane: never a command, a URL or an environment.
import type { ActionDefinition } from './definition.ts';
import { defineInputSchema } from './input-schema.ts';
import type { InputSchema } from './input-schema.ts';

export interface AdvertisedAction {
  readonly group: string;
  readonly operation: string;
  readonly description: string;
  readonly digest: string;
  readonly timeout_ms: number;
  readonly idempotent: boolean;
  readonly concurrency: number | null;
  readonly compatibility: boolean;
  /** Where its runs are to get a token. */
  readonly token?: true;
  /** Null when the action declares no inputs. */
  readonly inputs: InputSchema | null;
}

export function advertiseAction(action: ActionDefinition): AdvertisedAction {
  return {
    group: action.group,
    operation: action.name,
    description: action.description,
    digest: action.digest,
    timeout_ms: action.timeoutMs,
    idempotent: action.idempotent,
    concurrency: action.concurrency,
    compatibility: action.compatibility,
    ...(action.token ? { token: true as const } : {}),
    inputs: action.declaresInputs ? defineInputSchema(action.inputs) : null,
  };
}
