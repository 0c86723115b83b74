// Makes the operations of an action out of its blocks, and checks what the schema alone cannot: that an operation is
// exactly one thing, that names are told once, that literal names and addresses are possible ones (R7, R9).
import type { Expression, Span } from '../ast.ts';
import type { DecodedBlock, Reader } from '../schema.ts';
import { constantText } from './constants.ts';
import type {
  DockerDefinition,
  HttpOperation,
  OperationDefinition,
  RunOperation,
  StatusOperation,
} from './definition.ts';
import { requestTimeoutMsDefault } from './limits.ts';
import { literalNames } from './map-keys.ts';
import type { actionSchema } from './file-schema.ts';
import type { httpSchema, operationSchema, runSchema, statusSchema } from './operation-schemas.ts';

type DecodedAction = DecodedBlock<typeof actionSchema>;
type DecodedOperation = DecodedBlock<typeof operationSchema>;

/** The one block of an operation, in one shape for the three kinds. */
type Step =
  | { readonly kind: 'run'; readonly decoded: DecodedBlock<typeof runSchema> }
  | { readonly kind: 'http'; readonly decoded: DecodedBlock<typeof httpSchema> }
  | { readonly kind: 'status'; readonly decoded: DecodedBlock<typeof statusSchema> };

type Common = Pick<
  OperationDefinition,
  'name' | 'index' | 'timeoutMs' | 'onFailure' | 'always' | 'sensitive' | 'span'
>;

interface BuildOptions {
  readonly reader: Reader;
  /** The reference product drops what is too much (R7): a warning instead of an error. */
  readonly compatibility: boolean;
}

/** The operations in the order of the file. */
export function buildOperations(
  action: DecodedAction,
  options: BuildOptions,
): readonly OperationDefinition[] {
  const { operation } = action.blocks;
  const steps = stepsOf(action.blocks);
  const [first] = steps;
  const { report } = options.reader;
  if (operation.length > 0) {
    for (const { decoded } of steps) {
      const detail =
        'An action has `operation` blocks or one such block alone. Put it into an `operation` block.';
      report(decoded.block.header, {
        summary: 'Not possible beside `operation`',
        detail,
        code: 'mixed_operations',
      });
    }
    return buildSteps(operation, options);
  }
  if (first === undefined) {
    const detail = 'Give it a `run`, `http` or `status` block, or `operation` blocks.';
    report(action.block.header, { summary: 'The action does nothing', detail, code: 'missing_operation' });
    return [];
  }
  reportSurplus(steps, 'An action', options);
  return build(first, { ...plainStep, name: first.kind, index: 0, span: first.decoded.block }, options);
}

const plainStep = { timeoutMs: null, onFailure: 'stop', always: false, sensitive: false } as const;

function stepsOf(blocks: Pick<DecodedAction['blocks'], 'run' | 'http' | 'status'>): readonly Step[] {
  const steps: readonly Step[] = [
    ...blocks.run.map((decoded) => ({ kind: 'run', decoded }) as const),
    ...blocks.http.map((decoded) => ({ kind: 'http', decoded }) as const),
    ...blocks.status.map((decoded) => ({ kind: 'status', decoded }) as const),
  ];
  return [...steps].sort((a, b) => a.decoded.block.start - b.decoded.block.start);
}

/** R7: the reference product runs the first and says nothing about the second. */
function reportSurplus(steps: readonly Step[], title: string, { reader, compatibility }: BuildOptions): void {
  for (const { kind, decoded } of steps.slice(1)) {
    const rest = compatibility
      ? 'This one is never done.'
      : 'For several steps use one `operation` block each.';
    reader.report(decoded.block.header, {
      ...(compatibility ? { severity: 'warning' as const } : {}),
      summary: `Second \`${kind}\` in one place`,
      detail: `${title} holds one \`run\`, \`http\` or \`status\` block. ${rest}`,
      code: 'surplus_operation',
    });
  }
}

function buildSteps(
  blocks: readonly DecodedOperation[],
  options: BuildOptions,
): readonly OperationDefinition[] {
  const names = new Set<string>();
  return blocks.flatMap((decoded, index) => {
    const { values, nodes } = decoded;
    const steps = stepsOf(decoded.blocks);
    const [step] = steps;
    if (values.name !== undefined && names.has(values.name)) {
      const detail = 'Later expressions refer to an operation by its name: it must be told once.';
      const at = nodes.name?.expression ?? decoded.block.header;
      options.reader.report(at, {
        summary: `Second operation \`${values.name}\``,
        detail,
        code: 'repeated_name',
      });
    }
    names.add(values.name ?? '');
    if (step === undefined) {
      const detail = 'Give it a `run`, `http` or `status` block.';
      const header = decoded.block.header;
      options.reader.report(header, {
        summary: 'The operation does nothing',
        detail,
        code: 'missing_operation',
      });
      return [];
    }
    reportSurplus(steps, 'An operation', options);
    return build(step, { ...commonOf(decoded, index), span: step.decoded.block }, options);
  });
}

function commonOf({ values }: DecodedOperation, index: number): Omit<Common, 'span'> {
  return {
    name: values.name ?? null,
    index,
    timeoutMs: values.timeout ?? null,
    onFailure: values.on_failure ?? 'stop',
    always: values.always ?? false,
    sensitive: values.sensitive ?? false,
  };
}

/** The operation, or nothing when what it cannot do without is missing or wrong, which was reported. */
function build(step: Step, common: Common, options: BuildOptions): readonly OperationDefinition[] {
  const built = ((): OperationDefinition | null => {
    switch (step.kind) {
      case 'run':
        return buildRun(step.decoded, common, options);
      case 'http':
        return buildHttp(step.decoded, common, options);
      case 'status':
        return buildStatus(step.decoded, common, options);
    }
  })();
  return built === null ? [] : [built];
}

function buildRun(
  { values, blocks }: DecodedBlock<typeof runSchema>,
  common: Common,
  { reader }: BuildOptions,
): RunOperation | null {
  const { command, dir = null, env = null, hashes = [], timeout } = values;
  if (env !== null)
    checkNames(env, { pattern: /^[A-Za-z_][A-Za-z0-9_]*$/, what: 'an environment variable' }, reader);
  if (command === undefined) return null;
  const timeoutMs = timeout === undefined ? common.timeoutMs : Math.min(timeout, common.timeoutMs ?? timeout);
  const docker = buildDocker(blocks.docker[0]);
  return { ...common, kind: 'run', timeoutMs, command, dir, env, hashes, docker };
}

function buildDocker(
  decoded: DecodedBlock<typeof runSchema>['blocks']['docker'][number] | undefined,
): DockerDefinition | null {
  if (decoded === undefined) return null;
  const {
    image,
    network,
    volumes,
    user,
    memory,
    cpus,
    entrypoint,
    pull,
    read_only: readOnly,
  } = decoded.values;
  if (image === undefined) return null;
  const options = { network, volumes, user, memory, cpus, entrypoint };
  const filled = Object.fromEntries(Object.entries(options).map(([name, value]) => [name, value ?? null]));
  return {
    ...(filled as Record<keyof typeof options, Expression | null>),
    image,
    pull: pull ?? 'missing',
    readOnly: readOnly ?? true,
    span: decoded.block,
  };
}

/** Headers that the connection itself sets, or that would reach past it (security.md, section 6). */
const reservedHeaders =
  /^(host|content-length|transfer-encoding|connection|keep-alive|upgrade|te|trailer|expect|proxy-.*)$/i;

function buildHttp(
  { values, blocks, nodes, block }: DecodedBlock<typeof httpSchema>,
  common: Common,
  { reader }: BuildOptions,
): HttpOperation | null {
  const { url, headers = null, query = null, body = null } = values;
  if (headers !== null) {
    checkNames(
      headers,
      { pattern: /^[A-Za-z0-9!#$%&'*+.^_`|~-]+$/, what: 'a header', reserved: reservedHeaders },
      reader,
    );
  }
  if (url === undefined) return null;
  checkAddress(url, reader);
  const tls = blocks.tls[0]?.values;
  if (tls !== undefined && (tls.cert_file === undefined) !== (tls.key_file === undefined)) {
    const detail = 'A client certificate needs both `cert_file` and `key_file`.';
    reader.report(blocks.tls[0]?.block.header ?? block, {
      summary: 'Half a certificate',
      detail,
      code: 'wrong_value',
    });
  }
  const method = (values.method ?? 'GET').toUpperCase();
  if (body !== null && (method === 'GET' || method === 'HEAD')) {
    const detail = `A ${method} request has no body. Write \`method = "POST"\`, or leave the body out.`;
    reader.report(nodes.body?.nameSpan ?? block, {
      summary: 'Body without use',
      detail,
      code: 'wrong_value',
    });
  }
  return {
    ...common,
    kind: 'http',
    method,
    url,
    headers,
    query,
    body,
    requestTimeoutMs: values.timeout ?? requestTimeoutMsDefault,
    expect: { status: blocks.expect[0]?.values.status ?? [{ from: 200, to: 299 }] },
    tls:
      tls === undefined
        ? null
        : {
            caFile: tls.ca_file ?? null,
            certFile: tls.cert_file ?? null,
            keyFile: tls.key_file ?? null,
            serverName: tls.server_name ?? null,
            minVersion: tls.min_version === '1.3' ? 'TLSv1.3' : 'TLSv1.2',
          },
    followRedirects: values.follow_redirects ?? 0,
    proxy: values.proxy ?? null,
    maxResponseBytes: values.max_response ?? null,
  };
}

function buildStatus(
  { values }: DecodedBlock<typeof statusSchema>,
  common: Common,
  { reader }: BuildOptions,
): StatusOperation {
  const { message = null, values: named = null, status = null } = values;
  const text = status === null ? null : constantText(status);
  if (status !== null && text !== null && !/^(running|complete|error)$/i.test(text)) {
    const detail = 'A status is `running`, `complete` or `error`; this one is sent as none.';
    reader.report(status, { severity: 'warning', summary: 'Unknown status', detail, code: 'unknown_status' });
  }
  return { ...common, kind: 'status', message, values: named, status };
}

interface NameRules {
  readonly pattern: RegExp;
  readonly what: string;
  readonly reserved?: RegExp;
}

function checkNames(map: Expression, { pattern, what, reserved }: NameRules, { report }: Reader): void {
  for (const { name, key } of literalNames(map)) {
    const span: Span = key;
    if (!pattern.test(name)) {
      const detail = `\`${name}\` cannot be the name of ${what}.`;
      report(span, { summary: 'Invalid name', detail, code: 'invalid_name' });
    } else if (reserved?.test(name) === true) {
      const detail = `\`${name}\` belongs to the connection: it cannot be set.`;
      report(span, { summary: 'Reserved name', detail, code: 'reserved_name' });
    }
  }
}

/** A URL that is the same for every run must be one that can be asked. */
function checkAddress(url: Expression, { report }: Reader): void {
  const text = constantText(url);
  if (text === null) return;
  const parsed = URL.parse(text);
  if (parsed !== null && /^https?:$/.test(parsed.protocol)) return;
  const detail = 'A URL that begins with `https://` or `http://` is needed here.';
  report(url, { summary: 'Invalid URL', detail, code: 'wrong_value' });
}
