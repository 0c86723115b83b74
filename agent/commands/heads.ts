// `wayside-agent heads`: the heads of the control plane's audit trail that this agent keeps, and whether they agree.
import type { Command } from 'commander';
import { Failure } from '../../protocol/failures.ts';
import { stringifyJson } from '../../protocol/json.ts';
import { exitCodes } from '../exit-codes.ts';
import { readAll, readKeptHeads } from '../heads.ts';
import type { KeptHeads } from '../heads.ts';
import { answer, configOf, print } from './edge.ts';
import { addSettings, examples, flagsOf } from './options.ts';

interface HeadsFlags {
  readonly json?: true;
  /** A number, or true for the newest. */
  readonly export?: string | true;
}

export function registerHeads(program: Command): void {
  const command = program
    .command('heads')
    .description('list the signed heads of the audit trail that this agent keeps')
    .option(
      '--export [number]',
      'print one of them, by default the newest, for `wayside audit verify --against`',
    )
    .option('--json', 'print {"heads": […], "conflicts": […]} for programs');
  addSettings(command, ['stateDir'])
    .addHelpText(
      'after',
      `${examples([
        'wayside-agent heads',
        'wayside-agent heads --export > head.json && wayside audit verify --against head.json',
      ])}\nIt may be used while the agent runs. Exit codes: 0 the heads agree, 1 the control plane has contradicted them.`,
    )
    .action((options: HeadsFlags & Record<string, unknown>) => {
      run(options);
    });
}

function run(options: HeadsFlags & Record<string, unknown>): void {
  const folder = configOf(flagsOf(options)).stateDir(null);
  const kept = readKeptHeads(folder);
  if (options.export !== undefined) return exportHead(kept, options.export);
  if (kept.conflicts.length > 0) answer(exitCodes.failed);
  if (options.json === true) return print(stringifyJson(viewOf(kept)));
  const heads = readAll(kept.heads);
  if (heads.length === 0)
    print('No head is kept yet: the control plane hands them over while the agent is connected.');
  for (const { head, received_at } of heads) {
    const times = `signed ${time(head.at)}, received ${time(received_at)}`;
    print(`head ${head.number}: event ${head.position}, ${times}, store ${head.store_incarnation}`);
    print(`  ${head.hash}`);
  }
  for (const { kind, at, told } of kept.conflicts) {
    const what = kind === 'forked' ? 'another trail under the same number' : 'an older head, or none';
    print(`CONTRADICTED ${time(at)}: the control plane showed ${what}${told ? '' : '; not told to it yet'}.`);
  }
}

function exportHead(kept: KeptHeads, wanted: string | true): void {
  const heads = readAll(kept.heads);
  const found = wanted === true ? heads.at(-1) : heads.find(({ head }) => String(head.number) === wanted);
  if (found === undefined) {
    throw new Failure(
      'not_found',
      'There is no such head here; `wayside-agent heads` lists those that there are.',
    );
  }
  const { jws, key } = found;
  print(stringifyJson({ jws, key }));
}

function viewOf(kept: KeptHeads) {
  return {
    heads: readAll(kept.heads).map(({ head, received_at }) => ({ ...head, received_at })),
    conflicts: kept.conflicts,
  };
}

function time(ms: number): string {
  return new Date(ms).toISOString();
}
