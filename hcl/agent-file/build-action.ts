// Makes one action out of its block: its inputs, operations and outputs, every check on them, and its digest.
import type { Expression } from '../ast.ts';
import type { Diagnostic } from '../diagnostic.ts';
import { readerOf } from '../schema.ts';
import type { DecodedBlock, Reader } from '../schema.ts';
import { buildInputs } from './build-inputs.ts';
import { buildOperations } from './build-operations.ts';
import { checkReferences } from './check-references.ts';
import type { NamesInScope } from './check-references.ts';
import { checkSensitiveArguments } from './check-sensitive.ts';
import { checkSettingsUse } from './check-settings-use.ts';
import { checkOperationTaint, checkOutputTaint, expressionsOf } from './check-taint.ts';
import type {
  ActionDefinition,
  AgentSettings,
  InputDefinition,
  OperationDefinition,
  OutputDefinition,
} from './definition.ts';
import { definitionDigest } from './digest.ts';
import type { actionSchema } from './file-schema.ts';
import { actionTimeoutMsDefault, inputsMax, operationsMax } from './limits.ts';
import { buildLimits } from './settings.ts';

type DecodedAction = DecodedBlock<typeof actionSchema>;

export interface Place {
  readonly group: string;
  readonly reader: Reader;
  readonly diagnostics: Diagnostic[];
  readonly settings: AgentSettings;
  /** True when the texts have an `agent` block, so that its lists are all there is. */
  readonly hasAgent: boolean;
}

/** The action, or null when there is nothing that it could do; everything wrong is added to the diagnostics. */
export function buildAction(decoded: DecodedAction, place: Place): ActionDefinition | null {
  const { values, block, labels } = decoded;
  const own: Diagnostic[] = [];
  const reader = readerOf(place.reader.source, own);
  const compatibility = place.settings.compatibility || values.compatibility === 'hcp';
  const runAs = values.run_as ?? place.settings.runAs;
  const token = values.token ?? false;
  const inputs = buildInputs(decoded.blocks.input, reader);
  const declaresInputs = decoded.blocks.input.length > 0;
  const operations = buildOperations(decoded, { reader, compatibility });
  const outputs = buildOutputs(decoded, reader);
  checkCounts(decoded, reader);
  const named = decoded.blocks.operation.flatMap(({ values: { name } }) => name ?? []);
  const broken = new Set(named.filter((name) => operations.every((each) => each.name !== name)));
  checkExpressions(
    { inputs, declaresInputs, token, operations, outputs, broken, compatibility, reader },
    place,
  );
  if (token) checkApi(decoded, place, reader);
  place.diagnostics.push(...own);
  if (operations.length === 0) return null;
  const name = labels[0]?.value ?? '';
  const { source } = place.reader;
  return {
    group: place.group,
    name,
    description: values.description ?? '',
    timeoutMs: values.timeout ?? actionTimeoutMsDefault,
    idempotent: values.idempotent ?? false,
    concurrency: values.concurrency ?? null,
    token,
    compatibility,
    limits: buildLimits(decoded.blocks.limits[0]),
    runAs,
    inputs,
    declaresInputs,
    operations,
    outputs,
    digest: definitionDigest({
      group: place.group,
      name,
      source,
      body: block.body,
      settings: { compatibility, runAs },
    }),
    source,
    span: block,
    warnings: [...own].sort((a, b) => Number(isTaint(b)) - Number(isTaint(a))),
  };
}

function isTaint({ code = '' }: Diagnostic): boolean {
  return code.startsWith('tainted_');
}

function buildOutputs(decoded: DecodedAction, { report }: Reader): readonly OutputDefinition[] {
  const outputs = new Map<string, OutputDefinition>();
  for (const { values, labels, block } of decoded.blocks.output) {
    const name = labels[0]?.value ?? '';
    const label = labels[0] ?? block.header;
    if (!/^[A-Za-z][A-Za-z0-9_-]{0,62}$/.test(name)) {
      const detail =
        'The name of an output begins with a letter and has letters, digits, `_` and `-`, 63 at the most.';
      report(label, { summary: 'Invalid name', detail, code: 'invalid_name' });
    } else if (outputs.has(name)) {
      const detail = 'An action has one output of a name.';
      report(label, { summary: `Second output \`${name}\``, detail, code: 'repeated_block' });
    } else if (values.value !== undefined) {
      const { value, description = '', sensitive = false } = values;
      outputs.set(name, { name, description, sensitive, value, span: block });
    }
  }
  return [...outputs.values()];
}

function checkCounts({ blocks, block }: DecodedAction, { report }: Reader): void {
  if (blocks.input.length <= inputsMax && blocks.operation.length <= operationsMax) return;
  const detail = `An action has ${inputsMax} inputs and ${operationsMax} operations at the most.`;
  report(block.header, { summary: 'Too much for one action', detail, code: 'too_many' });
}

/** A token without an address is of use to `http` operations only. */
function checkApi({ nodes, block, blocks }: DecodedAction, place: Place, { report }: Reader): void {
  const runsCommands = [...blocks.run, ...blocks.operation.flatMap((each) => each.blocks.run)].length > 0;
  if (!place.hasAgent || place.settings.api !== null || !runsCommands) return;
  report(nodes.token ?? block.header, {
    severity: 'warning',
    summary: 'A token without an address',
    detail: 'The `agent` block has no `api` block: commands get the token and are not told where to use it.',
    code: 'not_allowed',
  });
}

interface Checked {
  readonly inputs: readonly InputDefinition[];
  readonly declaresInputs: boolean;
  readonly token: boolean;
  readonly operations: readonly OperationDefinition[];
  readonly outputs: readonly OutputDefinition[];
  readonly broken: ReadonlySet<string>;
  readonly compatibility: boolean;
  readonly reader: Reader;
}

/** Names and taint of every expression; an operation sees the results of those before it, an output of all. */
function checkExpressions(action: Checked, place: Place): void {
  const { operations, outputs, compatibility, reader, declaresInputs, token } = action;
  const inputs = new Map(action.inputs.map((input) => [input.name, input]));
  const warned = new Set<string>();
  const namesAt = (index: number): NamesInScope => ({
    inputs,
    declaresInputs,
    token,
    earlier: new Map(
      operations.flatMap((each) =>
        each.index < index && each.name !== null ? [[each.name, each.kind]] : [],
      ),
    ),
    later: new Set(
      operations.flatMap((each) => (each.index >= index && each.name !== null ? [each.name] : [])),
    ),
    broken: action.broken,
    warned,
  });
  const check = (expression: Expression, index: number): void => {
    checkReferences(expression, namesAt(index), reader.report);
    if (place.hasAgent) checkSettingsUse(expression, place.settings, reader.report);
  };
  const report: typeof reader.report = (span, complaint) =>
    reader.report(span, compatibility ? { ...complaint, severity: 'warning' } : complaint);
  for (const operation of operations) {
    for (const expression of expressionsOf(operation)) check(expression, operation.index);
    checkOperationTaint(operation, { inputs, report });
    if (operation.kind === 'run') checkSensitiveArguments(operation, { inputs, operations }, reader.report);
  }
  for (const output of outputs) {
    check(output.value, Infinity);
    checkOutputTaint(output, { inputs, report });
  }
}
