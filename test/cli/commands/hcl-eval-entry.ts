// A command line of `hcl eval` alone, for tests that run it as a process. PRETEND_TERMINAL=1 makes it take its input
// for a terminal.
import { Command } from 'commander';
import { registerHclEval } from '../../../cli/commands/hcl-eval.ts';

if (process.env['PRETEND_TERMINAL'] === '1') process.stdin.isTTY = true;
const program = new Command('wayside').option('--json');
registerHclEval(program, {
  environment: process.env,
  streams: { stdout: process.stdout, stderr: process.stderr },
  stdin: process.stdin,
  exit: (code) => {
    process.exitCode = code;
  },
});
await program.parseAsync();
