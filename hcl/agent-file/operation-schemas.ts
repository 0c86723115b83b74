// What an action may do: the schemas of `run`, `http` and `status`, and of `operation`, which holds one of them.
import { attribute, blockSchema } from '../schema.ts';
import { ANY, listOf, mapOf, STRING } from '../values.ts';
import {
  choice,
  duration,
  expressionOf,
  fileHashes,
  flag,
  size,
  statusCodes,
  text,
  wholeNumber,
} from './kinds.ts';
import { operationNameCharactersMax, actionTimeoutMsMax, redirectsMax, responseBytesMax } from './limits.ts';

const path = text({ min: 1, max: 4_096 });
const string = expressionOf('string', STRING);
const strings = expressionOf('map of strings', mapOf(STRING));
const operationTimeout = duration({ min: 1, max: actionTimeoutMsMax });

export const dockerSchema = blockSchema({
  docs: 'Runs the command in a container, with docker or podman. If no engine answers, the operation is refused; it never runs on the host.',
  labels: [],
  once: true,
  attributes: {
    image: attribute({
      kind: string,
      required: true,
      docs: 'The image. A tag can be moved to another image; `NAME@sha256:…` is this very one, and the digest of the action then says so.',
      example: 'image = "alpine:3.22"',
    }),
    network: attribute({
      kind: string,
      added: true,
      default: '`"none"`',
      docs: 'A network of the engine.',
      example: 'network = "bridge"',
    }),
    volumes: attribute({
      kind: expressionOf('list of strings', listOf(STRING)),
      added: true,
      docs: 'Folders of the host to mount, as `HOST:CONTAINER` or `HOST:CONTAINER:ro`.',
      example: 'volumes = ["/srv/deploy:/work:ro"]',
    }),
    user: attribute({
      kind: string,
      added: true,
      docs: 'The user inside the container.',
      example: 'user = "1000:1000"',
    }),
    memory: attribute({
      kind: string,
      added: true,
      docs: 'A bound on memory, as the engine writes it.',
      example: 'memory = "512m"',
    }),
    cpus: attribute({
      kind: string,
      added: true,
      docs: 'How many processors it may use.',
      example: 'cpus = "1.5"',
    }),
    entrypoint: attribute({
      kind: expressionOf('list of strings', listOf(STRING)),
      added: true,
      docs: "Replaces the image's entry point.",
      example: 'entrypoint = ["/bin/sh"]',
    }),
    pull: attribute({
      kind: choice('missing', 'always', 'never'),
      added: true,
      default: '`"missing"`',
      docs: 'When to fetch the image.',
      example: 'pull = "never"',
    }),
    read_only: attribute({
      kind: flag,
      added: true,
      default: '`true`',
      docs: "Whether the container's own file system is read-only.",
      example: 'read_only = false',
    }),
  },
  blocks: {},
});

export const runSchema = blockSchema({
  docs: 'Starts a process. Its output is streamed; it fails with any exit code but 0. The process inherits PATH, HOME, LANG and TZ, gets `WAYSIDE_RUN_ID` and `env`, and nothing else of the agent.',
  labels: [],
  attributes: {
    command: attribute({
      kind: expressionOf('list of strings or a string', [listOf(STRING), STRING]),
      required: true,
      docs: 'A list is the program and its arguments, run without a shell: what an input contains is never interpreted. A string without characters that are special to a shell is split into words; with them it runs under `$SHELL -c`, else `sh -c`, and only inputs whose every value is a plain word may stand in it.',
      example: 'command = ["./smoke-test.sh", var.version]',
    }),
    dir: attribute({
      kind: string,
      added: true,
      default: "the agent's own",
      docs: 'The working directory. An input may be the last folder of a literal path.',
      example: 'dir = "/srv/deploy"',
    }),
    env: attribute({
      kind: strings,
      docs: 'Environment variables. This is the safe way to hand an input to a script.',
      example: 'env = { VERSION = var.version }',
    }),
    hashes: attribute({
      kind: fileHashes,
      added: true,
      docs: "Files that must be these very ones, by the SHA-256 that `sha256sum` prints: programs, scripts, what they read. They are part of the action's digest, and are looked at right before the command starts; where one differs, nothing is started.",
      example: `hashes = { "/opt/deploy.sh" = "sha256:${'0'.repeat(64)}" }`,
    }),
    timeout: attribute({
      kind: operationTimeout,
      added: true,
      default: "the action's",
      docs: 'How long the process may take; then it and everything it started is stopped.',
      example: 'timeout = "90s"',
    }),
  },
  blocks: { docker: dockerSchema },
});

export const tlsSchema = blockSchema({
  docs: "Certificates for the connection; all are files on the agent's disk.",
  labels: [],
  once: true,
  added: true,
  attributes: {
    ca_file: attribute({
      kind: path,
      default: "the agent's `network.ca_file`, else the system's authorities",
      docs: 'Authorities (PEM) that may have signed the certificate of the server.',
      example: 'ca_file = "/etc/ssl/private-ca.pem"',
    }),
    cert_file: attribute({
      kind: path,
      docs: 'The certificate that the agent shows (PEM). Needs `key_file`.',
      example: 'cert_file = "/etc/wayside/deployer.pem"',
    }),
    key_file: attribute({
      kind: path,
      docs: 'Its private key (PEM).',
      example: 'key_file = "/etc/wayside/deployer.key"',
    }),
    server_name: attribute({
      kind: text({ min: 1, max: 253 }),
      default: 'the host of the URL',
      docs: 'The name that the certificate of the server must be for.',
      example: 'server_name = "deployer.internal"',
    }),
    min_version: attribute({
      kind: choice('1.2', '1.3'),
      default: '`"1.2"`',
      docs: 'The oldest version of TLS.',
      example: 'min_version = "1.3"',
    }),
  },
  blocks: {},
});

export const expectSchema = blockSchema({
  docs: 'What counts as success.',
  labels: [],
  once: true,
  added: true,
  attributes: {
    status: attribute({
      kind: statusCodes,
      required: true,
      docs: 'Status codes: numbers, `"2xx"` or `"200-204"`.',
      example: 'status = [200, 202]',
    }),
  },
  blocks: {},
});

export const httpSchema = blockSchema({
  docs: 'Sends one HTTP request from the private network. Any status that is not expected is a failure.',
  labels: [],
  attributes: {
    method: attribute({
      kind: text({
        max: 20,
        pattern: /^(?!(?:CONNECT|TRACE)$)[A-Za-z]+$/i,
        says: 'A method such as `"POST"` is needed here; CONNECT and TRACE are not possible.',
      }),
      added: true,
      default: '`"GET"`',
      docs: 'The request method.',
      example: 'method = "POST"',
    }),
    url: attribute({
      kind: string,
      required: true,
      docs: 'Where to. An input may stand in the path and in the query, where it is percent-encoded; scheme, user and host are literal.',
      example: 'url = "https://deployer.internal/promote/${var.version}"',
    }),
    query: attribute({
      kind: expressionOf('map', mapOf(ANY)),
      added: true,
      docs: 'Parameters that are encoded and added to the URL; a list repeats its name.',
      example: 'query = { region = var.region }',
    }),
    headers: attribute({
      kind: strings,
      added: true,
      docs: 'Headers. Names are literal.',
      example: 'headers = { X-Signing-Key = env("DEPLOYER_KEY") }',
    }),
    body: attribute({
      kind: string,
      added: true,
      docs: 'The request body.',
      example: 'body = jsonencode({ version = var.version })',
    }),
    timeout: attribute({
      kind: operationTimeout,
      added: true,
      default: '`"30s"`',
      docs: 'From the first connection to the last byte of the answer.',
      example: 'timeout = "10s"',
    }),
    follow_redirects: attribute({
      kind: wholeNumber({ min: 0, max: redirectsMax }),
      added: true,
      default: '`0`',
      docs: 'How many redirects to follow. Secret headers never follow to another origin.',
      example: 'follow_redirects = 3',
    }),
    proxy: attribute({
      kind: text({
        max: 2_000,
        pattern: /^https?:\/\/[^\s/]+\/?$/,
        says: 'A proxy is given as `"http://host:port"`.',
      }),
      added: true,
      default: "the agent's `network.proxy`",
      docs: 'An HTTP proxy.',
      example: 'proxy = "http://proxy.internal:3128"',
    }),
    max_response: attribute({
      kind: size({ min: 0, max: responseBytesMax }),
      added: true,
      default: "the agent's limit",
      docs: 'The largest answer that is read; a larger one is a failure.',
      example: 'max_response = "1MiB"',
    }),
  },
  blocks: { expect: expectSchema, tls: tlsSchema },
});

export const statusSchema = blockSchema({
  docs: "Writes a line into the run's status log.",
  labels: [],
  attributes: {
    message: attribute({ kind: string, docs: 'The line.', example: 'message = "promoted ${var.version}"' }),
    values: attribute({
      kind: expressionOf('map', mapOf(ANY)),
      docs: 'Named values beside it.',
      example: 'values = { attempt = 3 }',
    }),
    status: attribute({
      kind: string,
      docs: '`running`, `complete` or `error`.',
      example: 'status = "complete"',
    }),
  },
  blocks: {},
});

export const operationSchema = blockSchema({
  docs: 'One step of several. Steps run in the order of the file; the first failure ends the run, unless the step says otherwise. Holds exactly one `run`, `http` or `status` block.',
  labels: [],
  attributes: {
    name: attribute({
      kind: text({ min: 1, max: operationNameCharactersMax }),
      added: true,
      docs: 'What people see, and what later expressions call it: `operation.NAME.exit_code`, or `operation["a name"].output`.',
      example: 'name = "smoke test"',
    }),
    timeout: attribute({
      kind: operationTimeout,
      added: true,
      default: "the action's",
      docs: 'How long the step may take.',
      example: 'timeout = "5m"',
    }),
    on_failure: attribute({
      kind: choice('stop', 'continue'),
      added: true,
      default: '`"stop"`',
      docs: '`continue` goes on after a failure, which then does not fail the run.',
      example: 'on_failure = "continue"',
    }),
    always: attribute({
      kind: flag,
      added: true,
      default: '`false`',
      docs: 'Also done after an earlier step failed or the run was canceled: for cleaning up.',
      example: 'always = true',
    }),
    sensitive: attribute({
      kind: flag,
      added: true,
      default: '`false`',
      docs: "Marks the step's results as sensitive, so that they are masked wherever they go.",
      example: 'sensitive = true',
    }),
  },
  blocks: { run: runSchema, http: httpSchema, status: statusSchema },
});

export const outputSchema = blockSchema({
  docs: 'A structured result of the run.',
  labels: [{ name: 'name', docs: 'the name of the output' }],
  added: true,
  attributes: {
    value: attribute({
      kind: expressionOf('value', ANY),
      required: true,
      docs: 'The result.',
      example: 'value = "https://app.internal/${var.version}"',
    }),
    description: attribute({
      kind: text({ max: 2_000 }),
      docs: 'What it says.',
      example: 'description = "Where the new version answers"',
    }),
    sensitive: attribute({
      kind: flag,
      default: '`false`',
      docs: 'Hides the value from people.',
      example: 'sensitive = true',
    }),
  },
  blocks: {},
});
