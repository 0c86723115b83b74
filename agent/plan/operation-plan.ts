// What an operation is about to do, every expression evaluated and every check made: plain data, the same for the
// execution and for people who want to see it first.
import type { FileHash, HttpOperation, TlsDefinition } from '../../hcl/agent-file/definition.ts';
import type { StringValue } from '../../hcl/values.ts';
import type { JsonValue } from '../../protocol/json.ts';

export type OperationPlan = CommandPlan | ContainerPlan | HttpPlan | StatusPlan;

/** A process on this machine. */
export interface CommandPlan {
  readonly kind: 'run';
  /** Program and arguments; with a shell, the shell and its options. */
  readonly argv: readonly StringValue[];
  readonly dir: PlannedDir | null;
  readonly env: ReadonlyMap<string, StringValue>;
  /** Name of the user, or null for the agent's own. */
  readonly runAs: string | null;
  /** Files that must be these when it starts. */
  readonly hashes: readonly FileHash[];
}

export interface PlannedDir {
  readonly path: StringValue;
  /** The literal folder that a foreign last segment must lie in by its real path; null when nothing is foreign. */
  readonly within: string | null;
}

/** The same in a container, never on the host. */
export interface ContainerPlan {
  readonly kind: 'container';
  readonly argv: readonly StringValue[];
  readonly image: StringValue;
  /** The working directory in the container. */
  readonly dir: StringValue | null;
  readonly env: ReadonlyMap<string, StringValue>;
  readonly network: string;
  readonly volumes: readonly string[];
  readonly user: string | null;
  readonly memory: string | null;
  readonly cpus: string | null;
  readonly entrypoint: readonly string[] | null;
  readonly pull: 'missing' | 'always' | 'never';
  readonly readOnly: boolean;
  /** Files of the host that must be these when it starts. */
  readonly hashes: readonly FileHash[];
}

export interface PlannedHeader {
  readonly name: string;
  readonly value: StringValue;
}

export interface HttpPlan {
  readonly kind: 'http';
  readonly method: string;
  readonly url: StringValue;
  readonly headers: readonly PlannedHeader[];
  readonly body: StringValue | null;
  readonly timeoutMs: number;
  readonly expect: HttpOperation['expect'];
  readonly tls: TlsDefinition | null;
  readonly followRedirects: number;
  readonly proxy: string | null;
  readonly responseBytesMax: number;
}

export interface StatusPlan {
  readonly kind: 'status';
  readonly message: StringValue | null;
  /** Sensitive leaves are masked already. */
  readonly values: Readonly<Record<string, JsonValue>>;
  readonly status: 'running' | 'complete' | 'error' | null;
}
