// Checks at load that foreign text stands nowhere where it would be more than data (rules.md 21 to 23; R3). Each
// complaint names the value, what it would become, why it is not safe there, and how to mend it.
import type { Expression, Span } from '../ast.ts';
import type { Report } from '../schema.ts';
import { checkArgv } from './argv-check.ts';
import { commandForms, literalPrefix } from './command-words.ts';
import type { HttpOperation, OperationDefinition, OutputDefinition, RunOperation } from './definition.ts';
import { keysOf, valuesOfLoaders } from './map-keys.ts';
import { referencesOf } from './references.ts';
import { environmentName, headerName, hostWord, plainName, shellWord } from './safe-words.ts';
import { taintsOf, unsafeReason } from './taint.ts';
import type { Inputs, Taint } from './taint.ts';
import type { WordLanguage } from './pattern-language.ts';
import { urlPieces } from './url-template.ts';

/** One kind of place: what foreign text would become there, the code, the way out. */
interface Place {
  readonly becomes: string;
  readonly code: string;
  readonly mend: string;
}

const constrain = 'declare an input whose `pattern` or `options` admit only plain words';

const places = {
  shell: {
    becomes: 'part of a text that a shell may read',
    code: 'tainted_shell_string',
    mend: `Write the command as a list, whose elements are never interpreted; or set the value in \`env\` and write \`"$NAME"\` in the text; or ${constrain}.`,
  },
  argv: {
    becomes: '',
    code: 'tainted_script',
    mend: `Give it as an argument that a literal script reads, as in \`["sh", "-c", "echo \\"$1\\"", "sh", var.name]\`, or in \`env\`; or ${constrain}.`,
  },
  image: {
    becomes: 'an option of the container',
    code: 'tainted_container',
    mend: `Write it literally, or ${constrain}.`,
  },
  environment: {
    becomes: 'the name of an environment variable',
    code: 'tainted_environment_name',
    mend: 'Write the names literally.',
  },
  loader: {
    becomes: 'the value of a variable that changes which code is run',
    code: 'tainted_environment_value',
    mend: 'Write its value literally.',
  },
  header: {
    becomes: 'the name of a header',
    code: 'tainted_header_name',
    mend: 'Write the names literally.',
  },
  host: {
    becomes: 'part of the scheme, user, host or port of the URL',
    code: 'tainted_url',
    mend: 'Write these literally, or choose among literal ones with a conditional or an input with `options`.',
  },
  dir: {
    becomes: 'the whole working directory',
    code: 'tainted_dir',
    mend: 'Let it be the last folder of a literal absolute path: `"/srv/${var.name}"`.',
  },
  argument: {
    becomes: 'a name that is looked up on the agent',
    code: 'tainted_lookup',
    mend: 'Write the argument literally, or choose among literal ones with a conditional.',
  },
} as const satisfies Record<string, Place>;

export interface TaintCheck {
  readonly inputs: Inputs;
  readonly report: Report;
}

export function checkOperationTaint(operation: OperationDefinition, check: TaintCheck): void {
  if (operation.kind === 'run') checkRun(operation, check);
  if (operation.kind === 'http') checkHttp(operation, check);
  for (const expression of expressionsOf(operation)) checkLookups(expression, check);
}

export function checkOutputTaint(output: OutputDefinition, check: TaintCheck): void {
  checkLookups(output.value, check);
}

/** Every expression of an operation that a run evaluates. */
export function expressionsOf(operation: OperationDefinition): readonly Expression[] {
  const all = ((): readonly (Expression | null)[] => {
    switch (operation.kind) {
      case 'run':
        return [operation.command, operation.dir, operation.env, ...containerOptions(operation)];
      case 'http':
        return [operation.url, operation.query, operation.headers, operation.body];
      case 'status':
        return [operation.message, operation.values, operation.status];
    }
  })();
  return all.filter((expression) => expression !== null);
}

function containerOptions({ docker }: RunOperation): readonly (Expression | null)[] {
  if (docker === null) return [];
  const { image, network, volumes, user, memory, cpus, entrypoint } = docker;
  return [image, network, volumes, user, memory, cpus, entrypoint];
}

function checkRun(operation: RunOperation, check: TaintCheck): void {
  for (const form of commandForms(operation.command, check.inputs)) {
    if (form.form === 'text') refuse(taintsOf(form.expression, check.inputs), shellWord, places.shell, check);
    else {
      for (const { taint, becomes } of checkArgv(form.words)) {
        refuse([taint], shellWord, { ...places.argv, becomes }, check);
      }
    }
  }
  for (const option of containerOptions(operation)) {
    if (option !== null) refuse(taintsOf(option, check.inputs), shellWord, places.image, check);
  }
  if (operation.env !== null) {
    refuse(keysOf(operation.env, check.inputs), environmentName, places.environment, check);
    refuse(valuesOfLoaders(operation.env, check.inputs), shellWord, places.loader, check);
  }
  if (operation.dir !== null && !/^\/.*\/$/.test(literalPrefix(operation.dir))) {
    refuse(taintsOf(operation.dir, check.inputs), plainName, places.dir, check);
  }
}

function checkHttp(operation: HttpOperation, check: TaintCheck): void {
  for (const piece of urlPieces(operation.url)) {
    if (piece.piece === 'text' || (piece.zone !== 'scheme' && piece.zone !== 'authority')) continue;
    const taints = taintsOf(piece.expression, check.inputs).filter((taint) => !isChosen(taint));
    refuse(taints, hostWord, places.host, check);
  }
  if (operation.headers !== null) {
    refuse(keysOf(operation.headers, check.inputs), headerName, places.header, check);
  }
}

/** The author wrote every value that the input may have. */
function isChosen({ input, part, through }: Taint): boolean {
  return (
    through === null && input?.options !== undefined && (part === 'element' || input.type.kind !== 'map')
  );
}

/** The arguments of `env`, `file` and `secret`. */
function checkLookups(expression: Expression, check: TaintCheck): void {
  for (const call of referencesOf(expression).calls) {
    const words = lookups.get(call.name);
    if (words === undefined) continue;
    const taints = call.arguments
      .flatMap((argument) => taintsOf(argument, check.inputs))
      .filter((taint) => !isChosen(taint));
    refuse(taints, words, { ...places.argument, becomes: `the argument of \`${call.name}\`` }, check);
  }
}

const lookups: ReadonlyMap<string, WordLanguage> = new Map([
  ['env', environmentName],
  ['file', plainName],
  ['secret', plainName],
]);

function refuse(taints: readonly Taint[], words: WordLanguage, place: Place, { report }: TaintCheck): void {
  for (const taint of taints) {
    const reason = unsafeReason(taint, words);
    if (reason === null) continue;
    const span: Span = taint.span;
    report(span, {
      summary: `\`${taint.name}\` may not stand here`,
      detail: `It would become ${place.becomes}, and ${reason}. ${place.mend}`,
      code: place.code,
    });
  }
}
