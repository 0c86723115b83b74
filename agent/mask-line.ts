// What may not stand in a line for people, whoever wrote it: tokens, credentials in URLs and headers, private keys.

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
