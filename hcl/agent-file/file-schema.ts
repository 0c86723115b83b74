// The schema of a whole agent file: the agent's own settings, and groups of actions.
import { attribute, blockSchema } from '../schema.ts';
import {
  choice,
  constant,
  duration,
  flag,
  inputType,
  number,
  quietHours,
  text,
  texts,
  wholeNumber,
} from './kinds.ts';
import {
  actionTimeoutMsMax,
  concurrencyRunsDefault,
  concurrencyRunsMax,
  descriptionCharactersMax,
  patternCharactersMax,
  runsPerHourMax,
  shutdownGraceMsMax,
} from './limits.ts';
import { httpSchema, operationSchema, outputSchema, runSchema, statusSchema } from './operation-schemas.ts';

const path = text({ min: 1, max: 4_096 });
const description = text({ max: descriptionCharactersMax });
const environmentNames = texts((name) =>
  /^[A-Za-z_][A-Za-z0-9_]*$/.test(name) ? null : `\`${name}\` is not the name of an environment variable.`,
);
const user = text({
  max: 64,
  pattern: /^[A-Za-z0-9_][A-Za-z0-9_.-]*$/,
  says: 'The name or number of a user is needed here.',
});
const runs = wholeNumber({ min: 1, max: concurrencyRunsMax });
const characters = wholeNumber({ min: 0, max: 1_000_000 });
const compatibility = choice('hcp');

export const limitsSchema = blockSchema({
  docs: "Bounds that hold whatever the control plane asks for. The agent counts on its own disk. In an action they bound that action, in the `agent` block all of the agent's actions together.",
  labels: [],
  once: true,
  added: true,
  attributes: {
    max_per_hour: attribute({
      kind: wholeNumber({ min: 1, max: runsPerHourMax }),
      docs: 'How many runs may start within an hour.',
      example: 'max_per_hour = 10',
    }),
    min_interval: attribute({
      kind: duration({ min: 1, max: actionTimeoutMsMax }),
      docs: 'How long after the start of a run the next may start.',
      example: 'min_interval = "5m"',
    }),
    quiet_hours: attribute({
      kind: quietHours,
      docs: 'When nothing starts; UTC unless a time zone follows.',
      example: 'quiet_hours = "22:00-06:00 Europe/Berlin"',
    }),
    max_parallel: attribute({
      kind: runs,
      docs: 'How many runs may go on at once.',
      example: 'max_parallel = 1',
    }),
  },
  blocks: {},
});

export const inputSchemaBlock = blockSchema({
  docs: 'A typed input. Inputs become the form that people see, and are checked by the control plane and again by the agent. Once an action declares one, every `var.…` in it must be declared.',
  labels: [{ name: 'name', docs: 'the name of the input' }],
  added: true,
  attributes: {
    type: attribute({
      kind: inputType,
      default: '`string`',
      docs: 'The type of the value.',
      example: 'type = list(string)',
    }),
    description: attribute({
      kind: description,
      docs: 'What people see beside the field.',
      example: 'description = "Release tag"',
    }),
    sensitive: attribute({
      kind: flag,
      default: '`false`',
      docs: 'Encrypted before it is stored, sealed to the one agent that runs the action, masked in everything that leaves it. Has no default.',
      example: 'sensitive = true',
    }),
    default: attribute({
      kind: constant,
      docs: 'Without a default the input is required; `null` makes it optional.',
      example: 'default = "main"',
    }),
    pattern: attribute({
      kind: text({ max: patternCharactersMax }),
      docs: 'A regular expression in RE2 syntax that must be found in the value, or in each element. Anchor it with `^` and `$`.',
      example: 'pattern = "^v[0-9]+\\\\.[0-9]+\\\\.[0-9]+$"',
    }),
    key_pattern: attribute({
      kind: text({ max: patternCharactersMax }),
      docs: 'The same for the keys of a map.',
      example: 'key_pattern = "^[A-Z_]+$"',
    }),
    options: attribute({
      kind: constant,
      docs: 'The only values (of each element, for lists and maps).',
      example: 'options = ["staging", "production"]',
    }),
    min: attribute({ kind: number, docs: 'The least number.', example: 'min = 1' }),
    max: attribute({ kind: number, docs: 'The greatest number.', example: 'max = 10' }),
    min_length: attribute({
      kind: characters,
      docs: 'The fewest characters of a string, or elements of a list or map.',
      example: 'min_length = 1',
    }),
    max_length: attribute({
      kind: characters,
      docs: 'The most characters of a string, or elements of a list or map.',
      example: 'max_length = 64',
    }),
  },
  blocks: {},
});

export const actionSchema = blockSchema({
  docs: 'What a button does. Holds one `run`, `http` or `status` block, or one or more `operation` blocks.',
  labels: [{ name: 'name', docs: 'the name of the action' }],
  attributes: {
    description: attribute({
      kind: description,
      added: true,
      docs: 'What people read on the button.',
      example: 'description = "Promote a build to production"',
    }),
    timeout: attribute({
      kind: duration({ min: 1, max: actionTimeoutMsMax }),
      added: true,
      default: '`"1h"`',
      docs: 'How long a run may take, from accept to end.',
      example: 'timeout = "15m"',
    }),
    idempotent: attribute({
      kind: flag,
      added: true,
      default: '`false`',
      docs: 'Whether it may be done again when the agent died in the middle of it. Only `true` permits an automatic retry.',
      example: 'idempotent = true',
    }),
    concurrency: attribute({
      kind: runs,
      added: true,
      default: "the agent's",
      docs: 'How many runs of this action the agent does at once.',
      example: 'concurrency = 1',
    }),
    compatibility: attribute({
      kind: compatibility,
      added: true,
      docs: 'Loads an action of the reference product as it is: what would be an error of injection is a warning, and every run is marked.',
      example: 'compatibility = "hcp"',
    }),
    token: attribute({
      kind: flag,
      added: true,
      default: '`false`',
      docs: 'Whether each run gets a token of its own, with which its commands and requests write status entries of that run through the API, and which ends with it. Commands find it as `WAYSIDE_TOKEN`, expressions as `run.token`; see "The token of a run" below.',
      example: 'token = true',
    }),
    run_as: attribute({
      kind: user,
      added: true,
      default: "the agent's `run_as`",
      docs: 'The operating-system user that its processes run as.',
      example: 'run_as = "deploy"',
    }),
  },
  blocks: {
    input: inputSchemaBlock,
    run: runSchema,
    http: httpSchema,
    status: statusSchema,
    operation: operationSchema,
    output: outputSchema,
    limits: limitsSchema,
  },
});

export const groupSchema = blockSchema({
  docs: 'Actions that agents of one group offer. Other files of the same folder may continue a group; one file names it once.',
  labels: [{ name: 'name', docs: 'the name of the group' }],
  attributes: {},
  blocks: { action: actionSchema },
});

export const networkSchema = blockSchema({
  docs: 'Where `http` operations may connect to. Loopback, link-local and metadata addresses always need naming, also behind a name that resolves to them.',
  labels: [],
  once: true,
  added: true,
  attributes: {
    allow: attribute({
      kind: texts((target) =>
        isTarget(target) ? null : `\`${target}\` is no range, host or \`host:port\`.`,
      ),
      default: 'everything but the addresses that need naming',
      docs: 'The only targets: ranges of addresses, hosts, `*.suffix`, each with or without `:port`.',
      example: 'allow = ["10.0.0.0/8", "*.internal:443"]',
    }),
    proxy: attribute({
      kind: text({
        max: 2_000,
        pattern: /^https?:\/\/[^\s/]+\/?$/,
        says: 'A proxy is given as `"http://host:port"`.',
      }),
      docs: 'An HTTP proxy for all operations. The proxy resolves names, so checks of addresses end there.',
      example: 'proxy = "http://proxy.internal:3128"',
    }),
    ca_file: attribute({
      kind: path,
      docs: 'Authorities (PEM) besides those of the system.',
      example: 'ca_file = "/etc/ssl/private-ca.pem"',
    }),
  },
  blocks: {},
});

function isTarget(target: string): boolean {
  return /^(?:\*\.)?[A-Za-z0-9]([A-Za-z0-9._-]*)(?:\/\d{1,3})?(?::\d{1,5})?$|^(?:\[[0-9A-Fa-f:.]+\](?::\d{1,5})?|[0-9A-Fa-f:.]+(?:\/\d{1,3})?)$/.test(
    target,
  );
}

export const secretsSchema = blockSchema({
  docs: 'Where `secret("name")` reads. Several sources are asked in the order of the file.',
  labels: [{ name: 'kind of source', docs: 'the kind of source', values: ['file', 'env', 'vault'] }],
  added: true,
  attributes: {
    dir: attribute({
      kind: path,
      docs: '`file`: the folder; `secret("name")` reads the file `name` in it.',
      example: 'dir = "/run/secrets"',
    }),
    allow: attribute({
      kind: environmentNames,
      docs: '`env`: environment variables of the agent that are secrets.',
      example: 'allow = ["DEPLOYER_KEY"]',
    }),
    address: attribute({
      kind: text({ max: 2_000, pattern: /^https?:\/\/[^\s]+$/, says: 'A URL is needed here.' }),
      docs: '`vault`: the URL of Vault or OpenBao.',
      example: 'address = "https://vault.internal:8200"',
    }),
    mount: attribute({
      kind: text({ min: 1, max: 200 }),
      default: '`"secret"`',
      docs: '`vault`: where its KV store (version 2) is mounted. `secret("path#field")` reads one field.',
      example: 'mount = "kv"',
    }),
    namespace: attribute({
      kind: text({ max: 200 }),
      docs: '`vault`: the namespace.',
      example: 'namespace = "platform"',
    }),
    ca_file: attribute({
      kind: path,
      docs: '`vault`: authorities (PEM) of its certificate.',
      example: 'ca_file = "/etc/ssl/private-ca.pem"',
    }),
    token_file: attribute({
      kind: path,
      docs: '`vault`, login by token: the file that holds it. Without any login the token is that of `VAULT_TOKEN`.',
      example: 'token_file = "/run/vault/token"',
    }),
    role_id: attribute({
      kind: text({ min: 1, max: 200 }),
      docs: '`vault`, login by AppRole.',
      example: 'role_id = "deployer"',
    }),
    secret_id_file: attribute({
      kind: path,
      docs: '`vault`, login by AppRole: the file that holds the secret id.',
      example: 'secret_id_file = "/run/vault/secret-id"',
    }),
    cert_file: attribute({
      kind: path,
      docs: '`vault`, login by certificate (PEM).',
      example: 'cert_file = "/etc/wayside/vault.pem"',
    }),
    key_file: attribute({
      kind: path,
      docs: '`vault`, login by certificate: its private key (PEM).',
      example: 'key_file = "/etc/wayside/vault.key"',
    }),
    auth_mount: attribute({
      kind: text({ min: 1, max: 200 }),
      default: '`"approle"` or `"cert"`',
      docs: '`vault`: where the login method is mounted.',
      example: 'auth_mount = "approle-ci"',
    }),
  },
  blocks: {},
});

export const apiSchema = blockSchema({
  docs: 'Where commands of actions with `token = true` reach the API of the control plane. Nothing that arrives can say it.',
  labels: [],
  once: true,
  added: true,
  attributes: {
    url: attribute({
      kind: text({
        max: 2_000,
        pattern: /^https?:\/\/[^\s/@?#]+\/?$/,
        says: 'The address of the API is needed here.',
      }),
      required: true,
      docs: 'The address of the API; commands find it as `WAYSIDE_URL`. Plain `http` is for loopback.',
      example: 'url = "https://wayside.example.com"',
    }),
    ca_file: attribute({
      kind: path,
      docs: 'Authorities (PEM) of its certificate, where no public one signed it; commands find it as `WAYSIDE_CA_FILE`.',
      example: 'ca_file = "/etc/wayside/api-ca.pem"',
    }),
  },
  blocks: {},
});

export const agentSchema = blockSchema({
  docs: "The agent's own settings: the policy of the private network, which nothing that arrives can change. Flags and `WAYSIDE_AGENT_…` variables come first.",
  labels: [],
  once: true,
  added: true,
  attributes: {
    concurrency: attribute({
      kind: runs,
      default: `\`${concurrencyRunsDefault}\``,
      docs: 'How many runs the agent does at once.',
      example: 'concurrency = 4',
    }),
    state_dir: attribute({
      kind: path,
      default: '`/var/lib/wayside-agent`, or a folder of the user',
      docs: 'Where the agent keeps its identity and its journal.',
      example: 'state_dir = "/var/lib/wayside-agent"',
    }),
    shutdown_grace: attribute({
      kind: duration({ min: 0, max: shutdownGraceMsMax }),
      default: '`"30s"`',
      docs: 'How long running actions may go on when the agent is asked to leave.',
      example: 'shutdown_grace = "1m"',
    }),
    compatibility: attribute({
      kind: compatibility,
      docs: 'As in an action, for all actions.',
      example: 'compatibility = "hcp"',
    }),
    env_inherit: attribute({
      kind: environmentNames,
      default: '`[]`',
      docs: 'Environment variables that processes inherit besides PATH, HOME, LANG and TZ.',
      example: 'env_inherit = ["SSH_AUTH_SOCK"]',
    }),
    env_allow: attribute({
      kind: environmentNames,
      default: '`[]`',
      docs: 'What `env()` may read. Processes do not see it.',
      example: 'env_allow = ["DEPLOYER_KEY"]',
    }),
    files_allow: attribute({
      kind: texts((file) => (file.startsWith('/') ? null : `\`${file}\` is not an absolute path.`)),
      default: '`[]`',
      docs: 'What `file()` may read: absolute paths, in which `*` stands for anything but `/`.',
      example: 'files_allow = ["/etc/wayside/*.json"]',
    }),
    run_as: attribute({
      kind: user,
      default: 'the user of the agent',
      docs: 'The operating-system user that processes run as.',
      example: 'run_as = "deploy"',
    }),
  },
  blocks: { network: networkSchema, secrets: secretsSchema, api: apiSchema, limits: limitsSchema },
});

export const agentFileSchema = {
  docs: 'An agent file.',
  attributes: {},
  blocks: { agent: agentSchema, group: groupSchema },
} as const;
