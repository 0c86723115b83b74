#!/usr/bin/env node
// The `wayside` command: hands its surroundings to the program and nothing else.
import { buildProgram, runProgram } from './program.ts';

const surroundings = {
  environment: process.env,
  streams: { stdout: process.stdout, stderr: process.stderr },
  stdin: process.stdin,
  exit: (code: number): void => {
    process.exitCode = code;
  },
};

// A reader that leaves early (`wayside run list | head`) is no error.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(0);
  throw error;
});

await runProgram(buildProgram(surroundings), process.argv.slice(2), surroundings);
