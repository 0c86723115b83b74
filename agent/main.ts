#!/usr/bin/env node
// The agent's program: arguments to a command, a failure to a sentence and an exit code; nothing else.
import { Command, CommanderError } from 'commander';
import { Failure } from '../protocol/failures.ts';
import { registerDoctor } from './commands/doctor.ts';
import { answer, printError, readVersion } from './commands/edge.ts';
import { registerEnroll } from './commands/enroll.ts';
import { registerLint } from './commands/lint.ts';
import { registerPlan } from './commands/plan.ts';
import { registerRun } from './commands/run.ts';
import { exitCodeOf, exitCodes } from './exit-codes.ts';
import { maskLine } from './log.ts';

const program = new Command('wayside-agent')
  .description(
    'Runs what this machine defines when somebody with the right presses the button. It dials out; nothing dials in.',
  )
  .version(readVersion())
  .exitOverride();
registerEnroll(program);
registerRun(program);
registerLint(program);
registerPlan(program);
registerDoctor(program);
for (const command of program.commands) command.exitOverride();

try {
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
