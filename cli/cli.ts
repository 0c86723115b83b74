// What every command gets from its surroundings, and how a failed one ends.
import type { Command } from 'commander';
import type { z } from 'zod';
import { Failure } from '../protocol/failures.ts';
import { pageRowsMax } from '../protocol/limits.ts';
import { openClient } from './client.ts';
import type { Client } from './client.ts';
import { readConfig } from './config.ts';
import type { Environment } from './config.ts';
import { exitCodeOfFailure } from './exit-codes.ts';
import { openPrinter, paint } from './print.ts';
import type { Printer, Streams } from './print.ts';

export interface Surroundings {
  readonly environment: Environment;
  readonly streams: Streams;
  readonly stdin: NodeJS.ReadStream;
  /** Sets the exit code of the process; the last call counts. */
  readonly exit: (code: number) => void;
}

export interface CommandContext {
  readonly client: Client;
  readonly print: Printer;
  readonly surroundings: Surroundings;
  /** `/v1/projects/<the chosen project>`. */
  readonly project: string;
  readonly exit: (code: number) => void;
}

/** Global options, which commander collects over all parents. */
interface GlobalOptions {
  readonly json?: boolean;
  readonly url?: string;
  readonly project?: string;
}

/**
 * Wraps what a command does: opens client and printer, tells failures in words (or as JSON) and sets the exit code.
 */
export function acting<Arguments extends unknown[]>(
  surroundings: Surroundings,
  act: (context: CommandContext, ...args: Arguments) => Promise<void>,
): (...args: [...Arguments, Command]) => Promise<void> {
  return async (...all) => {
    const command = all.at(-1) as Command;
    const args = all.slice(0, -1) as Arguments;
    const { json = false, url, project } = command.optsWithGlobals<GlobalOptions>();
    const print = openPrinter(surroundings.streams, { json, environment: surroundings.environment });
    let client: Client | null = null;
    try {
      client = openClient(await readConfig(surroundings.environment, { url, project }));
      const path = `/v1/projects/${encodeURIComponent(client.config.project)}`;
      await act({ client, print, surroundings, project: path, exit: surroundings.exit }, ...args);
    } catch (error) {
      tellFailure(print, error);
      surroundings.exit(error instanceof Failure ? exitCodeOfFailure(error.code) : 1);
    } finally {
      await client?.close();
    }
  };
}

/** A failure in words, or with `--json` as one line of JSON, on standard error. */
export function tellFailure(print: Printer, error: unknown): void {
  if (!(error instanceof Failure)) {
    const trace = error instanceof Error ? (error.stack ?? error.message) : String(error);
    print.err(
      print.json
        ? JSON.stringify({ code: 'internal', detail: trace })
        : `${paint(print, 'red', 'Bug:')} ${trace}`,
    );
    return;
  }
  if (print.json) {
    print.err(JSON.stringify({ ...error.details, code: error.code, detail: error.message }));
    return;
  }
  print.err(`${paint(print, 'red', 'Error:')} ${error.message}`);
  const members = membersOf(error);
  // One mistake stands in the sentence already.
  if (members.length > 1) for (const line of members) print.err(`  ${line}`);
  if (typeof error.details['decision'] === 'string') print.err(`  decision ${error.details['decision']}`);
}

function membersOf(error: Failure): string[] {
  const errors = error.details['errors'];
  if (!Array.isArray(errors)) return [];
  return errors.map(
    (member: { path?: string; message?: string }) => `${member.path ?? ''}: ${member.message ?? ''}`,
  );
}

/** The end of a command's help. */
export function examples(...lines: readonly string[]): string {
  return `\n${lines.length === 1 ? 'Example' : 'Examples'}:\n${lines.map((line) => `  ${line}`).join('\n')}`;
}

/** Collects an option that may be given more than once. */
export function many(value: string, before: readonly string[]): string[] {
  return [...before, value];
}

/** Follows the pages of a list to its end, or to `limit` rows. */
export async function* allPages<Row>(
  limit: number,
  page: (
    cursor: string | undefined,
  ) => Promise<{ readonly items: readonly Row[]; readonly next_cursor: string | null }>,
): AsyncIterable<Row> {
  let left = limit;
  let cursor: string | undefined;
  for (;;) {
    const { items, next_cursor } = await page(cursor);
    for (const item of items) {
      if (left === 0) return;
      left -= 1;
      yield item;
    }
    if (next_cursor === null || left === 0) return;
    cursor = next_cursor;
  }
}

/** A whole list from a path that answers pages. */
export async function everything<Row>(
  client: Client,
  path: string,
  answer: z.ZodType<{ readonly items: readonly Row[]; readonly next_cursor: string | null }>,
): Promise<readonly Row[]> {
  const page = (cursor: string | undefined) =>
    client.call({ method: 'GET', path, query: { cursor, limit: pageRowsMax }, answer });
  return collect(allPages(Infinity, page));
}

/** A whole list, for a table. */
export async function collect<Row>(rows: AsyncIterable<Row>): Promise<readonly Row[]> {
  const all: Row[] = [];
  for await (const row of rows) all.push(row);
  return all;
}
