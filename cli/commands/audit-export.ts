// `wayside audit export`: the whole record as lines of JSON, and on from where an earlier export ended.
import { open } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { Option } from 'commander';
import type { Command } from 'commander';
import { auditExportFormats, parseExportLine } from '../../protocol/audit-export.ts';
import type { AuditExportFormat } from '../../protocol/audit-export.ts';
import { Failure } from '../../protocol/failures.ts';
import { auditLineCharactersMax } from '../../protocol/limits.ts';
import { acting, examples } from '../cli.ts';
import type { CommandContext, Surroundings } from '../cli.ts';
import { parseCount } from '../numbers.ts';

const headLine = '{"type":"head"';

export function registerAuditExport(audit: Command, surroundings: Surroundings): void {
  audit
    .command('export')
    .description('write the record as lines of JSON that `audit verify FILE` checks without a server')
    .addOption(
      new Option('--format <format>', 'events as they are, or each in the envelope of an audit log stream')
        .choices(auditExportFormats)
        .default('jsonl'),
    )
    .option('--after <position>', 'only what comes after this position')
    .option('--output <file>', 'write to this file, which must not exist, rather than to standard output')
    .option('--resume', 'go on at the end of the file of --output, if there is one')
    .addHelpText(
      'after',
      examples(
        'wayside audit export --output record.jsonl',
        'wayside audit export --output record.jsonl --resume   # daily: only what is new',
        'wayside audit export --format envelope --after 1200 | collector',
      ),
    )
    .action(acting(surroundings, exportRecord));
}

interface ExportOptions {
  readonly format: AuditExportFormat;
  readonly after?: string;
  readonly output?: string;
  readonly resume?: boolean;
}

async function exportRecord(context: CommandContext, options: ExportOptions): Promise<void> {
  const { print } = context;
  const { output, format, resume = false } = options;
  const after =
    options.after === undefined
      ? 0
      : parseCount(options.after, { name: '--after', min: 0, max: Number.MAX_SAFE_INTEGER });
  if (output === undefined) {
    if (resume)
      throw new Failure('invalid_configuration', '--resume goes on in a file: name it with --output.');
    await copy(context, { after, format }, (bytes) => print.bytes(bytes));
    return;
  }
  if (resume && options.after !== undefined) {
    throw new Failure(
      'invalid_configuration',
      'The file of --resume says itself where it ends: leave out --after.',
    );
  }
  const file = await openOutput(output, resume);
  try {
    const begin = resume ? ((await endOf(file, output)) ?? 0) : after;
    const end = await copy(context, { after: begin, format }, async (bytes) => {
      await file.write(bytes);
    });
    await file.sync();
    if (print.json) print.data({ file: output, after: begin, position: end });
    else
      print.out(
        `${output}: events ${begin + 1} to ${end}. Check it with \`wayside audit verify ${output}\`.`,
      );
  } finally {
    await file.close();
  }
}

/** Resolves with the last position; where the connection breaks, the failure says how to go on. */
async function copy(
  { client }: CommandContext,
  query: { readonly after: number; readonly format: AuditExportFormat },
  write: (bytes: Uint8Array) => void | Promise<void>,
): Promise<number> {
  const decoder = new TextDecoder();
  let rest = '';
  // The last whole line that says a position.
  let last = '';
  const position = () => positionOf(last) ?? query.after;
  try {
    for await (const bytes of await client.download({ method: 'GET', path: '/v1/audit/export', query })) {
      await write(bytes);
      const lines = (rest + decoder.decode(bytes, { stream: true })).split('\n');
      rest = lines.pop() ?? '';
      last = lines.findLast((line) => !line.startsWith(headLine)) ?? last;
    }
  } catch (error) {
    if (!(error instanceof Failure) || last === '') throw error;
    throw new Failure(
      error.code,
      `${error.message} The export came to event ${position()}: go on with --after ${position()}, or with --resume.`,
      { cause: error },
    );
  }
  return position();
}

async function openOutput(path: string, resume: boolean): Promise<FileHandle> {
  try {
    return await open(path, resume ? 'a+' : 'wx', 0o600);
  } catch (cause) {
    const why =
      (cause as NodeJS.ErrnoException).code === 'EEXIST'
        ? 'it exists; go on in it with --resume'
        : (cause as Error).message;
    throw new Failure('invalid_configuration', `${path} cannot be written: ${why}.`, { cause });
  }
}

/** The last position in the file, whose broken last line is cut off; null where it is empty. */
async function endOf(file: FileHandle, path: string): Promise<number | null> {
  const { size } = await file.stat();
  if (size === 0) return null;
  const length = Math.min(size, 3 * auditLineCharactersMax);
  const bytes = Buffer.alloc(length);
  await file.read(bytes, 0, length, size - length);
  const whole = bytes.lastIndexOf('\n') + 1;
  await file.truncate(size - length + whole);
  const lines = bytes.subarray(0, whole).toString('utf8').trimEnd().split('\n');
  for (const line of lines.reverse()) {
    const position = positionOf(line);
    if (position !== null) return position;
  }
  throw new Failure('invalid_configuration', `${path} is no export: it cannot be gone on with.`);
}

function positionOf(text: string): number | null {
  const line = parseExportLine(text);
  if (line === null || line.type === 'head') return null;
  return line.type === 'trail' ? line.after : line.position;
}
