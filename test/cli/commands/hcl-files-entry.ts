// A command line of `hcl fmt` and `hcl parse` alone, for tests that run them as a process.
import { Command } from 'commander';
import { registerHclFmt } from '../../../cli/commands/hcl-fmt.ts';
import { registerHclParse } from '../../../cli/commands/hcl-parse.ts';

const program = new Command('wayside').option('--json');
const surroundings = {
  environment: process.env,
  streams: { stdout: process.stdout, stderr: process.stderr },
  stdin: process.stdin,
  exit: (code: number) => {
    process.exitCode = code;
  },
};
registerHclFmt(program, surroundings);
registerHclParse(program, surroundings);
await program.parseAsync();
