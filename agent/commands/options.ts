// The settings as flags of a command: the same names and words everywhere.
import type { Command } from 'commander';
import { configOptions } from '../config.ts';
import type { ConfigKey, RawConfig } from '../config.ts';

/** Adds the named settings to a command; what was given comes back from `flagsOf`. */
export function addSettings(command: Command, keys: readonly ConfigKey[]): Command {
  for (const key of keys) {
    const { doc, flag, variable } = configOptions[key];
    command.option(flag, `${doc} (${variable})`);
  }
  return command;
}

export function flagsOf(options: Readonly<Record<string, unknown>>): RawConfig {
  const flags: Partial<Record<ConfigKey, string>> = {};
  for (const { key } of Object.values(configOptions)) {
    const value = options[key];
    if (typeof value === 'string') flags[key] = value;
  }
  return flags;
}

/** Examples below the help of a command. */
export function examples(lines: readonly string[]): string {
  return `\nExamples:\n${lines.map((line) => `  ${line}`).join('\n')}\n`;
}
