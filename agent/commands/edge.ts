// Where the commands touch their process: environment, streams, signals. Given to them, so that nothing deeper does.
import { readFileSync } from 'node:fs';
import { readConfig } from '../config.ts';
import type { AgentConfig, RawConfig } from '../config.ts';
import type { Signals } from '../run-agent.ts';

/** The configuration of this process: flags, then its environment. */
export function configOf(flags: RawConfig): AgentConfig {
  return readConfig(flags, process.env, {
    isRoot: process.getuid?.() === 0,
    kill: () => process.kill(process.pid, 'SIGKILL'),
  });
}

export function print(text: string): void {
  process.stdout.write(`${text}\n`);
}

export function printError(text: string): void {
  process.stderr.write(`${text}\n`);
}

/** The command has done its work and answers this code. */
export function answer(code: number): void {
  process.exitCode = code;
}

export function hasColor(stream: 'stdout' | 'stderr'): boolean {
  return process[stream].isTTY && process.env['NO_COLOR'] === undefined;
}

/** All of standard input, up to `bytesMax`. */
export async function readStdin(bytesMax: number): Promise<string> {
  let text = '';
  for await (const chunk of process.stdin) {
    text += String(chunk);
    if (text.length > bytesMax) break;
  }
  return text;
}

export function isTerminal(): boolean {
  return process.stdin.isTTY;
}

/** A third signal ends the process at once: the journal tells the next start what was going on. */
export function processSignals(): Signals {
  return {
    onTerminate(listener) {
      let count = 0;
      const heard = (): void => {
        count += 1;
        if (count > 2) process.exit(130);
        listener();
      };
      process.on('SIGTERM', heard);
      process.on('SIGINT', heard);
    },
    onReload(listener) {
      process.on('SIGHUP', listener);
    },
  };
}

/** Of the package that this program came with. */
export function readVersion(): string {
  const { version } = JSON.parse(
    readFileSync(new URL('../../package.json', import.meta.url), 'utf8'),
  ) as Readonly<Record<'version', string>>;
  return version;
}
