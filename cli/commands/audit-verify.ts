// `wayside audit verify`: whether the record is whole. The server checks its own; an exported file is checked here,
// without any server, against keys or heads that were kept elsewhere.
import { createReadStream } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { hash } from 'node:crypto';
import { text } from 'node:stream/consumers';
import type { Command } from 'commander';
import type { z } from 'zod';
import { auditHeadSchema, auditKeysSchema, auditVerifySchema } from '../../protocol/api/audit.ts';
import { openExportedHead, withKid } from '../../protocol/audit-head.ts';
import { openTrailVerifier } from '../../protocol/audit-verify.ts';
import type { TrailVerdict } from '../../protocol/audit-verify.ts';
import { Failure } from '../../protocol/failures.ts';
import { parseJson } from '../../protocol/json.ts';
import { auditLineCharactersMax } from '../../protocol/limits.ts';
import { acting, examples, many } from '../cli.ts';
import type { CommandContext, Surroundings } from '../cli.ts';
import { exitCodes } from '../exit-codes.ts';
import { linesOf } from '../lines.ts';
import { paint } from '../print.ts';
import type { Printer } from '../print.ts';

interface VerifyOptions {
  readonly against?: string;
  readonly keys?: string;
  readonly head: readonly string[];
}

export function registerAuditVerify(audit: Command, surroundings: Surroundings): void {
  audit
    .command('verify')
    .description('check the chain of the record: finds an edited, deleted, moved or inserted event')
    .argument('[file]', 'an export to check here, without the server; - for standard input')
    .option(
      '--against <file>',
      "hold the server's record to a head that was kept (`audit head`), - for standard input: finds a cut-off end, too",
    )
    .option('--keys <file>', 'with a file: the keys that sign heads, as `audit keys` printed them')
    .option(
      '--head <file>',
      'with a file: a head that was kept; give several to see that it only grew',
      many,
      [],
    )
    .addHelpText(
      'after',
      examples(
        'wayside audit verify --against head-2026-11-24.json',
        'wayside audit verify record.jsonl --keys audit-keys.json',
        'wayside audit verify record.jsonl --head head-2026-11-23.json --head head-2026-11-24.json',
      ),
    )
    .action(acting(surroundings, verify));
}

async function verify(
  context: CommandContext,
  file: string | undefined,
  options: VerifyOptions,
): Promise<void> {
  if (file === undefined) {
    if (options.keys !== undefined || options.head.length > 0) {
      throw new Failure(
        'invalid_configuration',
        '--keys and --head are for a file; name it, or use --against.',
      );
    }
    await verifyServer(context, options.against);
    return;
  }
  if (options.against !== undefined) {
    throw new Failure('invalid_configuration', 'A file is held to a head with --head.');
  }
  if (options.keys === undefined && options.head.length === 0) {
    throw new Failure(
      'invalid_configuration',
      'Who changed a file could also change the keys in it. Give keys (--keys) or a head (--head) that you kept.',
    );
  }
  await verifyFile(context, file, options);
}

async function verifyServer(
  { client, print, exit, surroundings }: CommandContext,
  kept: string | undefined,
): Promise<void> {
  const against =
    kept === undefined ? {} : { against: await readKept(surroundings, kept, auditHeadSchema, 'audit head') };
  const path = '/v1/audit/verify';
  const verdict = await client.call({ method: 'POST', path, body: against, answer: auditVerifySchema });
  if (!verdict.valid) exit(exitCodes.failed);
  if (print.json) {
    print.data(verdict);
    return;
  }
  if (!verdict.valid) {
    print.out(`${paint(print, 'red', 'broken')}: ${verdict.problem ?? ''}`);
    return;
  }
  print.out(`${paint(print, 'green', 'whole')}: ${verdict.events} events, head ${verdict.head?.hash ?? '-'}`);
  if (verdict.removed > 0)
    print.out(`Retention has removed the events up to ${verdict.removed}, under a signed checkpoint.`);
  if (kept === undefined) {
    print.err(
      'A record that was cut off at its end looks whole: keep heads elsewhere, and give one with --against.',
    );
  }
}

async function verifyFile(
  { print, exit, surroundings }: CommandContext,
  file: string,
  options: VerifyOptions,
): Promise<void> {
  const heads = [];
  for (const path of options.head) {
    heads.push(await readKept(surroundings, path, auditHeadSchema, 'audit head'));
  }
  const known =
    options.keys === undefined
      ? heads.map((head) => head.key)
      : (await readKept(surroundings, options.keys, auditKeysSchema, 'audit keys')).keys;
  const verifier = openTrailVerifier({
    sha256: (data) => hash('sha256', data),
    keys: await Promise.all(known.map(withKid)),
    kept: await Promise.all(heads.map(async (head) => (await openExportedHead(head)).head)),
    lenient: options.keys === undefined,
  });
  const source = file === '-' ? surroundings.stdin : createReadStream(file);
  try {
    for await (const line of linesOf(source, auditLineCharactersMax)) {
      if (!(await verifier.take(line))) break;
    }
  } catch (cause) {
    if (cause instanceof Failure) throw cause;
    throw new Failure('invalid_configuration', `${file} cannot be read: ${(cause as Error).message}.`, {
      cause,
    });
  }
  const verdict = verifier.finish();
  if (!verdict.valid) exit(exitCodes.failed);
  if (print.json) print.data(verdict);
  else tellVerdict(print, verdict);
}

function tellVerdict(print: Printer, verdict: TrailVerdict): void {
  if (!verdict.valid) {
    print.out(`${paint(print, 'red', 'broken')}: ${verdict.problem ?? ''} (line ${verdict.line ?? 0})`);
    return;
  }
  const { events, after, end, signed, heads, kept } = verdict;
  const last = end?.position ?? 0;
  print.out(`${paint(print, 'green', 'whole')}: ${events} events, ${after + 1} to ${last}`);
  print.out(`Signed up to event ${signed}, by ${heads} heads of the file; ${kept} kept heads agree.`);
  if (signed < last)
    print.err(`Events ${signed + 1} to ${last} are held by the chain alone: no head covers them.`);
  if (kept === 0) print.err('A file that was cut off may look whole: give a head that you kept with --head.');
  print.err(
    "Authentication codes of single events need the server's keyring; `wayside audit verify` checks them.",
  );
}

async function readKept<Schema extends z.ZodType>(
  surroundings: Surroundings,
  file: string,
  schema: Schema,
  command: string,
): Promise<z.output<Schema>> {
  try {
    const content = file === '-' ? await text(surroundings.stdin) : await readFile(file, 'utf8');
    if (content.length > auditLineCharactersMax) throw new Error('it is too long');
    return schema.parse(parseJson(content));
  } catch (cause) {
    const why =
      cause instanceof Error && 'code' in cause && !(cause instanceof Failure)
        ? cause.message
        : `it is not what \`wayside ${command}\` prints`;
    throw new Failure('invalid_configuration', `${file} cannot be used: ${why}.`, { cause });
  }
}
