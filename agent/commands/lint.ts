// `wayside-agent lint`: every error of an agent file at once, each with its place and its source line.
import type { Command } from 'commander';
import { diagnosticToJson } from '../../hcl/diagnostic.ts';
import { renderDiagnostic } from '../../hcl/render-diagnostic.ts';
import { exitCodes } from '../exit-codes.ts';
import { loadRegistry, readSources } from '../load.ts';
import { answer, configOf, hasColor, print } from './edge.ts';
import { addSettings, examples, flagsOf } from './options.ts';

export function registerLint(program: Command): void {
  const command = program
    .command('lint')
    .description('check an agent file: all errors at once, nothing is started')
    .argument('<path>', 'agent file, or a folder of *.hcl files')
    .option('--json', 'print {"diagnostics": […]} for programs');
  addSettings(command, ['compatibility'])
    .addHelpText(
      'after',
      `${examples([
        'wayside-agent lint agent.hcl',
        'wayside-agent lint /etc/wayside/agent.d --json',
        'wayside-agent lint old.hcl --compatibility hcp',
      ])}\nExit codes: 0 no errors (there may be warnings), 1 errors, 64 usage.`,
    )
    .action((path: string, options: { readonly json?: true } & Record<string, unknown>) => {
      lint(path, options);
    });
}

function lint(path: string, options: { readonly json?: true } & Record<string, unknown>): void {
  const { registry, diagnostics } = loadRegistry(readSources(path), configOf(flagsOf(options)));
  const errors = diagnostics.filter(({ severity }) => severity === 'error').length;
  answer(errors === 0 ? exitCodes.ok : exitCodes.failed);
  if (options.json === true) return print(JSON.stringify({ diagnostics: diagnostics.map(diagnosticToJson) }));
  for (const diagnostic of diagnostics) {
    print(`${renderDiagnostic(diagnostic, { color: hasColor('stdout') })}\n`);
  }
  if (registry === null) return print(`${path}: ${counted(errors, 'error')}.`);
  const warnings = counted(diagnostics.length, 'warning');
  print(
    `${path}: ${counted(registry.actions.length, 'action')} in ${counted(registry.groups.length, 'group')}, no errors, ${warnings}.`,
  );
}

function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`;
}
