#!/usr/bin/env node
// The agent's program: arguments to a command, a failure to a sentence and an exit code; nothing else.
import { Command, CommanderError } from 'commander';
import { Failure } from '../protocol/failures.ts';
import { answer, printError, readVersion } from './commands/edge.ts';
import { exitCodeOf, exitCodes } from './exit-codes.ts';
import { maskLine } from './mask-line.ts';

type Register = (program: Command) => void;

/** Only what was asked for is loaded, so that a command starts at once; help loads them all. */
const commands: ReadonlyMap<string, () => Promise<Register>> = new Map([
  ['enroll', async (): Promise<Register> => (await import('./commands/enroll.ts')).registerEnroll],
  ['run', async (): Promise<Register> => (await import('./commands/run.ts')).registerRun],
  ['lint', async (): Promise<Register> => (await import('./commands/lint.ts')).registerLint],
  ['plan', async (): Promise<Register> => (await import('./commands/plan.ts')).registerPlan],
  ['heads', async (): Promise<Register> => (await import('./commands/heads.ts')).registerHeads],
  ['doctor', async (): Promise<Register> => (await import('./commands/doctor.ts')).registerDoctor],
]);

try {
  const program = new Command('wayside-agent')
    .description(
      'Runs what this machine defines when somebody with the right presses the button. It dials out; nothing dials in.',
    )
    .version(readVersion())
    .exitOverride();
  const asked = commands.get(process.argv[2] ?? '');
  for (const load of asked === undefined ? commands.values() : [asked]) (await load())(program);
  for (const command of program.commands) command.exitOverride();
  await program.parseAsync(process.argv);
} catch (error) {
  answer(report(error));
}

function report(error: unknown): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? exitCodes.ok : exitCodes.usage;
  if (error instanceof Failure) {
    printError(maskLine(error.message));
    return exitCodeOf(error.code);
  }
  printError(maskLine(error instanceof Error ? (error.stack ?? error.message) : String(error)));
  return exitCodes.internal;
}
