// The names that expressions of an agent file can use besides `var`: built-in variables and the agent's functions.
import type { HclFunction } from '../functions/function.ts';
import { STRING } from '../values.ts';
import type { OperationDefinition } from './definition.ts';

export interface BuiltIn {
  readonly path: readonly [root: string, name: string];
  readonly docs: string;
  /** True when the agent itself gives the value: it is then not tainted (rules.md 21). */
  readonly own: boolean;
}

export const builtIns: readonly BuiltIn[] = [
  { path: ['waypoint', 'run_id'], own: true, docs: 'The id of the run, as the reference product calls it.' },
  { path: ['run', 'id'], own: true, docs: 'The id of the run.' },
  { path: ['run', 'requested_by'], own: false, docs: 'Who asked for the run, as the control plane says.' },
  {
    path: ['run', 'token'],
    own: false,
    docs: 'The token of the run, in an action with `token = true`. It is sensitive, and ends with the run.',
  },
  { path: ['agent', 'id'], own: true, docs: 'The id of the agent.' },
  { path: ['agent', 'name'], own: true, docs: 'The name of the agent.' },
  { path: ['action', 'name'], own: true, docs: 'The name of the action.' },
  { path: ['application', 'name'], own: false, docs: 'The application that the run is for.' },
];

export function findBuiltIn(path: readonly string[]): BuiltIn | undefined {
  return builtIns.find((each) => each.path[0] === path[0] && each.path[1] === path[1]);
}

/** What later expressions can ask of an operation, by its kind. */
export const operationResults: Readonly<Record<OperationDefinition['kind'], ReadonlyMap<string, string>>> = {
  run: new Map([
    ['exit_code', 'The exit code.'],
    ['output', 'The last line that it printed.'],
  ]),
  http: new Map([
    ['response', 'The answer: `status`, `headers` and `body`.'],
    ['output', 'The body of the answer.'],
  ]),
  status: new Map(),
};

export const responseParts: ReadonlyMap<string, string> = new Map([
  ['status', 'The status code.'],
  ['headers', 'The headers, by their names in lower case.'],
  ['body', 'The body as text.'],
]);

/** What is known of a function without calling it: an agent gives its own functions their `call`. */
export type AgentFunction = Omit<HclFunction, 'call'>;

export const agentFunctions: ReadonlyMap<string, AgentFunction> = new Map(
  [
    {
      name: 'env',
      description:
        "An environment variable of the agent, if the agent's `env_allow` names it. The result is sensitive.",
      parameters: [{ name: 'name', type: STRING, description: 'The name of the variable.' }],
      examples: [{ call: 'env("DEPLOYER_KEY")', result: '"…"' }],
    },
    {
      name: 'file',
      description:
        "The text of a file on the agent's disk, if the agent's `files_allow` admits its real path. The result is sensitive.",
      parameters: [{ name: 'path', type: STRING, description: 'An absolute path.' }],
      examples: [{ call: 'file("/etc/wayside/token")', result: '"…"' }],
    },
    {
      name: 'secret',
      description:
        "A secret of the agent's `secrets` sources, the first that knows it. The result is sensitive.",
      parameters: [{ name: 'name', type: STRING, description: 'The name of the secret.' }],
      examples: [{ call: 'secret("deployer-key")', result: '"…"' }],
    },
  ].map((each): readonly [string, AgentFunction] => [
    each.name,
    { ...each, returns: STRING, marks: 'own', reads: true },
  ]),
);

/** `join(separator, lists...)`; a question mark follows what may be left out. */
export function signatureOf({ name, parameters }: AgentFunction): string {
  const shown = parameters.map((each) => `${each.name}${each.variadic ? '...' : each.optional ? '?' : ''}`);
  return `${name}(${shown.join(', ')})`;
}
