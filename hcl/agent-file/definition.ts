// What an agent file means once it is loaded: the agent's own settings and the actions that it offers.
// Everything that can be known before a run is a value here; what depends on a run stays an expression.
import type { Expression, Source, Span } from '../ast.ts';
import type { Decimal } from '../decimal.ts';
import type { Diagnostic } from '../diagnostic.ts';
import type { Type, Value } from '../values.ts';

export interface AgentFile {
  readonly settings: AgentSettings;
  /** Names of the groups, in the order in which the files name them first. */
  readonly groups: readonly string[];
  readonly actions: readonly ActionDefinition[];
}

/** The private network's own policy, from the `agent` block; every default is applied. */
export interface AgentSettings {
  /** How many runs this agent does at once. */
  readonly concurrency: number;
  /** Null: the place that the platform gives. */
  readonly stateDir: string | null;
  readonly shutdownGraceMs: number;
  /** `compatibility = "hcp"`: reference files load unchanged, with warnings. */
  readonly compatibility: boolean;
  /** Names of environment variables that children inherit besides PATH, HOME, LANG and TZ. */
  readonly envInherit: readonly string[];
  /** Names that `env()` may read. */
  readonly envAllow: readonly string[];
  /** Patterns of real paths that `file()` may read; `*` never crosses `/`. */
  readonly filesAllow: readonly string[];
  /** The operating-system user that children run as; an action's own `run_as` comes first. */
  readonly runAs: string | null;
  /** Bounds over all actions of this agent together. */
  readonly limits: RunLimits;
  readonly network: NetworkPolicy;
  /** Where commands reach the API; null where the file does not say it. */
  readonly api: ApiAddress | null;
  /** In the order of the file; `secret()` asks each until one knows the name. */
  readonly secrets: readonly SecretSource[];
}

export interface NetworkPolicy {
  /** CIDR ranges, hosts, `*.suffix` and `host:port`. Null: everything except the classes denied by default. */
  readonly allow: readonly string[] | null;
  readonly proxy: string | null;
  readonly caFile: string | null;
}

export interface ApiAddress {
  readonly url: string;
  readonly caFile: string | null;
}

export type SecretSource = FileSecrets | EnvSecrets | VaultSecrets;

/** `secret("name")` reads the file `name` in `dir`. */
export interface FileSecrets {
  readonly kind: 'file';
  readonly dir: string;
}

/** `secret("NAME")` reads an environment variable of the agent that is named in `allow`. */
export interface EnvSecrets {
  readonly kind: 'env';
  readonly allow: readonly string[];
}

/** Vault or OpenBao, KV version 2; `secret("path#field")`. */
export interface VaultSecrets {
  readonly kind: 'vault';
  readonly address: string;
  readonly mount: string;
  readonly namespace: string | null;
  readonly caFile: string | null;
  readonly login: VaultLogin;
}

export type VaultLogin =
  /** Null: the token of the agent's environment variable `VAULT_TOKEN`. */
  | { readonly method: 'token'; readonly tokenFile: string | null }
  | {
      readonly method: 'approle';
      readonly roleId: string;
      readonly secretIdFile: string;
      readonly mount: string;
    }
  | { readonly method: 'cert'; readonly certFile: string; readonly keyFile: string; readonly mount: string };

/** What bounds even a hostile control plane (rule 34). Counted on the agent's own disk. */
export interface RunLimits {
  readonly maxPerHour?: number;
  readonly minIntervalMs?: number;
  /** Times of day at which nothing starts. */
  readonly quietHours?: QuietHours;
  readonly maxParallel?: number;
}

/** Minutes after midnight in the named time zone, from 0 to 1439; a range may pass over midnight. */
export interface QuietHours {
  readonly fromMinute: number;
  readonly toMinute: number;
  /** IANA name; `UTC` when the file names none. */
  readonly zone: string;
}

export interface ActionDefinition {
  readonly group: string;
  readonly name: string;
  readonly description: string;
  /** From accept to end. */
  readonly timeoutMs: number;
  /** True alone permits another attempt after a crash. */
  readonly idempotent: boolean;
  /** How many runs of this action this agent does at once; null: as many as the agent does at all. */
  readonly concurrency: number | null;
  /** Whether each run gets a token of its own. */
  readonly token: boolean;
  /** True when reference behaviour was allowed (R3, R7, R8); every run of such an action is marked. */
  readonly compatibility: boolean;
  readonly limits: RunLimits;
  readonly runAs: string | null;
  /** In the order of the file. */
  readonly inputs: readonly InputDefinition[];
  /** False for an action without `input` blocks: what it refers to is then whatever the run brings. */
  readonly declaresInputs: boolean;
  readonly operations: readonly OperationDefinition[];
  readonly outputs: readonly OutputDefinition[];
  /** `sha256:` and 64 hexadecimal digits. */
  readonly digest: string;
  readonly source: Source;
  /** The whole `action` block. */
  readonly span: Span;
  /** What the loader warned about inside this action, compatibility warnings first. */
  readonly warnings: readonly Diagnostic[];
}

export interface InputDefinition {
  readonly name: string;
  /** string, number, bool, list(string) or map(string). */
  readonly type: Type;
  readonly description: string;
  readonly sensitive: boolean;
  /** False when there is a default, `null` included. */
  readonly required: boolean;
  /** The default, converted to the type; `null` for `default = null`; undefined when there is none. */
  readonly default: Value | null | undefined;
  /** RE2 syntax; found anywhere in the value unless it is anchored. For lists and maps: each element. */
  readonly pattern?: string;
  /** The same for the keys of a map. */
  readonly keyPattern?: string;
  /** The only values (of each element, for lists and maps). */
  readonly options?: readonly Value[];
  readonly min?: Decimal;
  readonly max?: Decimal;
  /** Characters of a string; elements of a list or map. */
  readonly minLength?: number;
  readonly maxLength?: number;
}

export type OperationDefinition = RunOperation | HttpOperation | StatusOperation;

interface OperationCommon {
  /**
   * What `operation.NAME` refers to. For a `run`, `http` or `status` block that stands directly in the action: its
   * kind. Null when an `operation` block gives none: nothing can refer to it.
   */
  readonly name: string | null;
  /** From 0. */
  readonly index: number;
  readonly timeoutMs: number | null;
  readonly onFailure: 'stop' | 'continue';
  /** Also done after an earlier operation failed or the run was canceled. */
  readonly always: boolean;
  /** Marks the operation's results as sensitive. */
  readonly sensitive: boolean;
  /** The `run`, `http` or `status` block. */
  readonly span: Span;
}

/** Starts a process. A list command is argv; a string is split by shell rules or given to a shell. */
export interface RunOperation extends OperationCommon {
  readonly kind: 'run';
  readonly command: Expression;
  readonly dir: Expression | null;
  /** A map of strings. */
  readonly env: Expression | null;
  /** Files that must be these very ones when the command starts; as they are in the file. */
  readonly hashes: readonly FileHash[];
  readonly docker: DockerDefinition | null;
}

/** One file that an action lists (rule 18). */
export interface FileHash {
  /** Absolute. */
  readonly path: string;
  /** 64 hexadecimal digits in lower case. */
  readonly sha256: string;
}

/** Runs the command in a container, or refuses; never on the host. */
export interface DockerDefinition {
  readonly image: Expression;
  /** Name of a network of the engine; absent: none. */
  readonly network: Expression | null;
  /** A list of `HOST:CONTAINER` or `HOST:CONTAINER:ro`. */
  readonly volumes: Expression | null;
  readonly user: Expression | null;
  readonly memory: Expression | null;
  readonly cpus: Expression | null;
  readonly entrypoint: Expression | null;
  readonly pull: 'missing' | 'always' | 'never';
  readonly readOnly: boolean;
  readonly span: Span;
}

export interface HttpOperation extends OperationCommon {
  readonly kind: 'http';
  /** Upper case; `GET` when the file gives none. */
  readonly method: string;
  readonly url: Expression;
  /** A map of strings; the names are literal. */
  readonly headers: Expression | null;
  /** A map of strings, numbers, bools or lists of them, percent-encoded and added to the URL. */
  readonly query: Expression | null;
  readonly body: Expression | null;
  /** For the whole exchange; 30 s unless the `http` block says otherwise. */
  readonly requestTimeoutMs: number;
  readonly expect: ExpectDefinition;
  readonly tls: TlsDefinition | null;
  /** How many redirects are followed: 0 unless the file asks. */
  readonly followRedirects: number;
  /** A literal; comes before the agent's own `network.proxy`. */
  readonly proxy: string | null;
  /** Bytes; null: the agent's own limit. */
  readonly maxResponseBytes: number | null;
}

export interface ExpectDefinition {
  /** Half-open ranges are avoided: both ends are included. */
  readonly status: readonly { readonly from: number; readonly to: number }[];
}

/** Paths on the agent's disk; all literals. */
export interface TlsDefinition {
  readonly caFile: string | null;
  readonly certFile: string | null;
  readonly keyFile: string | null;
  readonly serverName: string | null;
  readonly minVersion: 'TLSv1.2' | 'TLSv1.3';
}

/** Writes a line of the run's status log. */
export interface StatusOperation extends OperationCommon {
  readonly kind: 'status';
  readonly message: Expression | null;
  /** A map. */
  readonly values: Expression | null;
  readonly status: Expression | null;
}

export interface OutputDefinition {
  readonly name: string;
  readonly description: string;
  readonly sensitive: boolean;
  readonly value: Expression;
  readonly span: Span;
}

/** What `loadAgentFile` of load.ts answers: `file` is null as soon as one diagnostic is an error. */
export interface LoadedAgentFile {
  readonly file: AgentFile | null;
  readonly diagnostics: readonly Diagnostic[];
}
