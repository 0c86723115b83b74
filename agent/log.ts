// The agent's own log: JSON lines on standard error, written at once, without anything that could be a credential.
import { pino } from 'pino';
import type { Logger } from 'pino';
import { maskLine } from './mask-line.ts';
import type { LogLevel } from './mask-line.ts';

export type Log = Pick<Logger, 'debug' | 'info' | 'warn' | 'error'>;

/** Lines are written synchronously: the last ones before a crash are the ones that matter. */
export function createLog({
  level,
  write,
}: {
  readonly level: LogLevel;
  readonly write: (line: string) => void;
}): Log {
  return pino(
    { level, base: null, timestamp: () => `,"time":"${new Date().toISOString()}"` },
    {
      write: (line: string) => {
        write(maskLine(line));
      },
    },
  );
}
