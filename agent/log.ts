// The agent's own log: JSON lines on standard error, written at once, without anything that could be a credential.
import { pino } from 'pino';
import type { Logger } from 'pino';

export type Log = Pick<Logger, 'debug' | 'info' | 'warn' | 'error'>;

export const logLevels = ['debug', 'info', 'warn', 'error', 'silent'] as const;
export type LogLevel = (typeof logLevels)[number];

const masks: readonly (readonly [RegExp, string])[] = [
  [/\bws[pj]_[A-Za-z0-9_.-]{8,}/g, '[token]'],
  [/(?<=:\/\/)[^\s/@"\\]+:[^\s/@"\\]*(?=@)/g, '[credentials]'],
  [/-----BEGIN [A-Z ]*PRIVATE KEY-----.*?-----END [A-Z ]*PRIVATE KEY-----/gs, '[private key]'],
  [/\b(Bearer|Basic) +[A-Za-z0-9._~+/=-]{8,}/g, '$1 [credentials]'],
];

/** Hygiene for what slipped into a message; secrets of runs are masked where they arise. */
export function maskLine(line: string): string {
  return masks.reduce((text, [pattern, shown]) => text.replace(pattern, shown), line);
}

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
