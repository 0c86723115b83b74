// A preview as lines for people and as JSON for programs.
import type { Span } from '../../hcl/ast.ts';
import type { FileHash } from '../../hcl/agent-file/definition.ts';
import { printDuration } from '../../hcl/agent-file/duration.ts';
import { SENSITIVE } from '../../hcl/values.ts';
import { valueToJson } from '../../hcl/json.ts';
import { parseJson, stringifyJson } from '../../protocol/json.ts';
import type { OperationPlan } from './operation-plan.ts';
import type { Preview, PreviewedOperation } from './preview.ts';

/** Names of the variables that every command gets besides those of its `env`. */
const ownVariables = ['HOME', 'LANG', 'PATH', 'TZ', 'WAYSIDE_RUN_ID'] as const;

export interface ShowOptions {
  /** Names that the agent's settings let commands inherit. */
  readonly inherit: readonly string[];
}

/** Several lines; what a run would be refused for begins with `refused:`. */
export function showPreview(preview: Preview, options: ShowOptions): string {
  const { action, operations, outputs } = preview;
  const notes = [`timeout ${printDuration(action.timeoutMs)}`, ...(action.idempotent ? ['idempotent'] : [])];
  return [
    `${action.group}/${action.name} (${notes.join(', ')})`,
    ...operations.flatMap((operation, at) => [
      '',
      ...showOperation(operation, at, { ...options, text: action.source.text }),
    ]),
    ...(outputs.length === 0 ? [] : ['']),
    ...outputs.map(
      ({ name, value }) =>
        `output ${name} = ${value === null ? 'known when it has run' : valueToJson(value)}`,
    ),
    '',
    'Nothing was run. Results of operations are shown as if each of them succeeds.',
  ].join('\n');
}

function showOperation(
  { definition, title, plan, problem, refused }: PreviewedOperation,
  at: number,
  options: ShowOptions & { readonly text: string },
): readonly string[] {
  const kind = plan?.kind ?? definition.kind;
  const notes = [
    kind,
    ...(definition.timeoutMs === null ? [] : [`timeout ${printDuration(definition.timeoutMs)}`]),
    ...(definition.onFailure === 'continue' ? ['may fail'] : []),
    ...(definition.always ? ['always'] : []),
    ...(definition.sensitive ? ['sensitive'] : []),
  ];
  const lines =
    plan !== null
      ? showPlan(plan, options)
      : refused
        ? [`refused: ${problem ?? ''}`]
        : ['known when earlier operations have run:', ...sourceOf(options.text, definition.span)];
  return [`${at + 1}. ${title} (${notes.join(', ')})`, ...lines.map((line) => `   ${line}`)];
}

/** The words of the file, without the indentation that they have in common. */
function sourceOf(text: string, { start, end }: Span): readonly string[] {
  const lines = text.slice(start, end).split(/\r?\n/);
  const indents = lines
    .slice(1)
    .filter((line) => line.trim() !== '')
    .map((line) => line.search(/\S/));
  const common = Math.min(...indents);
  return lines.map((line, at) => (at === 0 ? line : line.slice(Number.isFinite(common) ? common : 0)));
}

function showPlan(plan: OperationPlan, { inherit }: ShowOptions): readonly string[] {
  switch (plan.kind) {
    case 'run':
      return [
        `argv  ${JSON.stringify(plan.argv.map(({ value }) => value))}`,
        `dir   ${plan.dir?.path.value ?? "the agent's own"}`,
        `env   ${[...new Set([...ownVariables, ...inherit, ...plan.env.keys()])].sort().join(' ')}`,
        ...(plan.runAs === null ? [] : [`user  ${plan.runAs}`]),
        ...hashLines(plan.hashes),
      ];
    case 'container':
      return [
        `image ${plan.image.value} (pull ${plan.pull}, network ${plan.network}${plan.readOnly ? ', read-only' : ''})`,
        `argv  ${JSON.stringify(plan.argv.map(({ value }) => value))}`,
        ...(plan.dir === null ? [] : [`dir   ${plan.dir.value}`]),
        `env   ${['WAYSIDE_RUN_ID', ...plan.env.keys()].sort().join(' ')}`,
        ...plan.volumes.map((volume) => `mount ${volume}`),
        ...hashLines(plan.hashes),
      ];
    case 'http':
      return [
        `${plan.method} ${plan.url.value}`,
        ...plan.headers.map(({ name, value }) => `${name}: ${value.value}`),
        ...(plan.body === null ? [] : ['', ...plan.body.value.split('\n'), '']),
        `expects ${expected(plan.expect)} within ${printDuration(plan.timeoutMs)}`,
        ...(plan.proxy === null ? [] : [`through the proxy ${withoutPassword(plan.proxy)}`]),
        ...(plan.followRedirects === 0 ? [] : [`follows up to ${plan.followRedirects} redirects`]),
      ];
    case 'status':
      return [
        `message ${JSON.stringify(plan.message?.value ?? '')}`,
        `values  ${stringifyJson(plan.values)}`,
        `status  ${plan.status ?? 'none'}`,
      ];
  }
}

/** What is looked at before the start; here nothing is read. */
function hashLines(hashes: readonly FileHash[]): readonly string[] {
  return hashes.map(({ path, sha256 }) => `hash  sha256:${sha256} ${path}`);
}

function expected({
  status,
}: {
  readonly status: readonly { readonly from: number; readonly to: number }[];
}): string {
  return status.map(({ from, to }) => (from === to ? `${from}` : `${from}-${to}`)).join(', ');
}

function withoutPassword(proxy: string): string {
  const url = new URL(proxy);
  url.password = '';
  return url.href.replace(/\/$/, '');
}

/** The same as one JSON object; texts that depend on a secret have references in them, as in the lines. */
export function previewJson({ action, operations, outputs }: Preview, options: ShowOptions): unknown {
  return {
    group: action.group,
    action: action.name,
    digest: action.digest,
    timeout_ms: action.timeoutMs,
    operations: operations.map(({ definition, title, plan, problem, refused }) => ({
      name: title,
      kind: plan?.kind ?? definition.kind,
      on_failure: definition.onFailure,
      always: definition.always,
      sensitive: definition.sensitive,
      timeout_ms: definition.timeoutMs,
      plan: plan === null ? null : planJson(plan, options),
      problem,
      refused,
    })),
    outputs: Object.fromEntries(
      outputs.map(({ name, value, sensitive }) => [
        name,
        { value: value === null ? null : parseJson(valueToJson(value)), sensitive, known: value !== null },
      ]),
    ),
  };
}

function hashesJson(hashes: readonly FileHash[]): unknown {
  return hashes.map(({ path, sha256 }) => ({ path, hash: `sha256:${sha256}` }));
}

function planJson(plan: OperationPlan, { inherit }: ShowOptions): unknown {
  switch (plan.kind) {
    case 'run':
      return {
        argv: plan.argv.map(({ value }) => value),
        dir: plan.dir?.path.value ?? null,
        env: [...new Set([...ownVariables, ...inherit, ...plan.env.keys()])].sort(),
        run_as: plan.runAs,
        hashes: hashesJson(plan.hashes),
      };
    case 'container':
      return {
        image: plan.image.value,
        argv: plan.argv.map(({ value }) => value),
        dir: plan.dir?.value ?? null,
        env: ['WAYSIDE_RUN_ID', ...plan.env.keys()].sort(),
        network: plan.network,
        volumes: plan.volumes,
        read_only: plan.readOnly,
        pull: plan.pull,
        hashes: hashesJson(plan.hashes),
      };
    case 'http':
      return {
        method: plan.method,
        url: plan.url.value,
        headers: plan.headers.map(({ name, value }) => ({
          name,
          value: value.value,
          sensitive: (value.marks & SENSITIVE) !== 0,
        })),
        body: plan.body?.value ?? null,
        expect: plan.expect.status,
        timeout_ms: plan.timeoutMs,
        follow_redirects: plan.followRedirects,
        proxy: plan.proxy === null ? null : withoutPassword(plan.proxy),
      };
    case 'status':
      return { message: plan.message?.value ?? null, values: plan.values, status: plan.status };
  }
}
