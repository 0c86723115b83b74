// `wayside hcl fmt`: files in their canonical layout, in place, as a check, or as a diff.
import { readFile, readdir, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import type { Command } from 'commander';
import { diagnosticToJson } from '../../hcl/diagnostic.ts';
import type { Diagnostic } from '../../hcl/diagnostic.ts';
import { format } from '../../hcl/format.ts';
import { parseFile } from '../../hcl/parse.ts';
import { renderDiagnostic } from '../../hcl/render-diagnostic.ts';
import type { Surroundings } from '../cli.ts';
import { exitCodes } from '../exit-codes.ts';
import { lineDiff } from '../line-diff.ts';
import { openPrinter } from '../print.ts';
import type { Printer } from '../print.ts';

interface FmtOptions {
  readonly check?: boolean;
  readonly diff?: boolean;
  readonly json?: boolean;
}

/** A file as it is and as it should be, or what keeps it from being formatted. */
type Formatted =
  | { readonly name: string; readonly before: string; readonly after: string }
  | { readonly name: string; readonly problem: string | readonly Diagnostic[] };

const STDIN = '-';

/** Adds `fmt` to the command `hcl`, which it makes where there is none yet. */
export function registerHclFmt(program: Command, surroundings: Surroundings): void {
  const hcl =
    program.commands.find((command) => command.name() === 'hcl') ??
    program.command('hcl').description('the language of agent files');
  hcl
    .command('fmt')
    .argument('<files...>', 'files, folders of .hcl files, or - for standard input to standard output')
    .description('write files in their canonical layout and print the names of those that changed')
    .option('--check', 'change nothing, and end with 3 when something would change')
    .option('--diff', 'change nothing, and print what would change as a diff')
    .addHelpText(
      'after',
      `\nExamples:\n  wayside hcl fmt agent.hcl\n  wayside hcl fmt --check --diff /etc/wayside`,
    )
    .action(async (files: readonly string[], _: unknown, command: Command) => {
      await runFmt(files, command.optsWithGlobals<FmtOptions>(), surroundings);
    });
}

/** One broken file does not keep the others from being formatted. */
async function runFmt(
  files: readonly string[],
  options: FmtOptions,
  surroundings: Surroundings,
): Promise<void> {
  const print = openPrinter(surroundings.streams, {
    json: options.json === true,
    environment: surroundings.environment,
  });
  const all: Formatted[] = [];
  for (const name of await expandFolders(files)) all.push(await formatOne(name, surroundings));
  const isDry = options.check === true || options.diff === true;
  if (!isDry) await writeChanged(all);
  tell(print, all, { diff: options.diff === true, pipe: !isDry });
  const hasProblem = all.some((file) => 'problem' in file);
  const wouldChange = options.check === true && all.some(hasChanged);
  if (hasProblem) surroundings.exit(exitCodes.failed);
  else if (wouldChange) surroundings.exit(exitCodes.wouldChange);
}

function hasChanged(
  file: Formatted,
): file is Formatted & { readonly before: string; readonly after: string } {
  return 'after' in file && file.before !== file.after;
}

/** A folder stands for the .hcl files in it. What does not exist stays, and is told when it is read. */
async function expandFolders(names: readonly string[]): Promise<readonly string[]> {
  const all: string[] = [];
  for (const name of names) {
    const isFolder = name !== STDIN && (await stat(name).catch(() => null))?.isDirectory() === true;
    if (!isFolder) all.push(name);
    else
      all.push(
        ...(await readdir(name))
          .filter((file) => file.endsWith('.hcl'))
          .sort()
          .map((file) => join(name, file)),
      );
  }
  return all;
}

async function formatOne(name: string, { stdin }: Surroundings): Promise<Formatted> {
  try {
    const bytes = name === STDIN ? await buffer(stdin) : await readFile(name);
    const before = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
    const { diagnostics } = parseFile(name, before);
    return diagnostics.length > 0 ? { name, problem: diagnostics } : { name, before, after: format(before) };
  } catch (error) {
    const isEncoding = error instanceof TypeError;
    return { name, problem: isEncoding ? 'the file is not valid UTF-8.' : (error as Error).message };
  }
}

async function writeChanged(files: readonly Formatted[]): Promise<void> {
  for (const file of files)
    if (file.name !== STDIN && hasChanged(file)) await writeFile(file.name, file.after);
}

/** Names or diffs of what changed; the text of standard input itself when it is a pipe; and all problems. */
function tell(
  print: Printer,
  files: readonly Formatted[],
  shape: { readonly diff: boolean; readonly pipe: boolean },
): void {
  const problems = files.flatMap((file) => ('problem' in file ? [file] : []));
  const changed = files.filter(hasChanged);
  if (print.json) {
    const diagnostics = problems.flatMap(({ problem }) => (typeof problem === 'string' ? [] : problem));
    const errors = problems.flatMap(({ name, problem }) =>
      typeof problem === 'string' ? [{ name, problem }] : [],
    );
    print.out(
      JSON.stringify({
        changed: changed.map(({ name }) => name),
        diagnostics: diagnostics.map(diagnosticToJson),
        errors,
      }),
    );
    return;
  }
  for (const { name, problem } of problems) {
    if (typeof problem === 'string') print.err(`${name}: ${problem}`);
    else for (const diagnostic of problem) print.err(renderDiagnostic(diagnostic, { color: print.color }));
  }
  for (const file of files) {
    if (!('after' in file)) continue;
    if (shape.diff) print.bytes(new TextEncoder().encode(lineDiff(file.name, file.before, file.after)));
    else if (file.name === STDIN && shape.pipe) print.bytes(new TextEncoder().encode(file.after));
    else if (hasChanged(file)) print.out(file.name);
  }
}
