// `wayside-agent doctor`: looks at everything between this machine and the control plane, and says what to mend.
import type { Command } from 'commander';
import { Failure } from '../../protocol/failures.ts';
import type { Check } from '../doctor/check.ts';
import {
  checkFile,
  checkHeads,
  checkIdentity,
  checkJournal,
  checkMemory,
  checkStateFolder,
} from '../doctor/machine.ts';
import { exitCodes } from '../exit-codes.ts';
import { trustPrivateCa } from '../secure-agent.ts';
import { answer, configOf, hasColor, print, readVersion } from './edge.ts';
import { addSettings, examples, flagsOf } from './options.ts';

interface DoctorFlags {
  readonly server?: string;
  readonly json?: true;
}

export function registerDoctor(program: Command): void {
  const command = program
    .command('doctor')
    .description('check configuration, certificates, clock and every hop to the control plane')
    .option('--server <url>', 'look at the way to this server; needed only before enrolment')
    .option('--json', 'print {"checks": […]} for programs');
  addSettings(command, ['config', 'stateDir', 'proxy', 'caFile'])
    .addHelpText(
      'after',
      `${examples([
        'wayside-agent doctor -c agent.hcl',
        'wayside-agent doctor --server https://wayside.internal:7402',
        'wayside-agent doctor --json',
      ])}\nIt changes nothing and may be used while the agent runs. Exit codes: 0 nothing failed, 1 something did.`,
    )
    .action((options: DoctorFlags & Record<string, unknown>) => run(options));
}

async function run(options: DoctorFlags & Record<string, unknown>): Promise<void> {
  const checks = await examine(options);
  answer(checks.some(({ state }) => state === 'failed') ? exitCodes.failed : exitCodes.ok);
  if (options.json === true) return print(JSON.stringify({ checks }));
  for (const check of checks) print(rendered(check, hasColor('stdout')));
}

async function examine(options: DoctorFlags & Record<string, unknown>): Promise<readonly Check[]> {
  const config = configOf(flagsOf(options));
  const file = checkFile(config);
  const settings = file.registry?.settings ?? null;
  if (settings?.network.caFile) trustPrivateCa(settings.network.caFile);
  const stateFolder = config.stateDir(settings);
  const program: Check = {
    name: 'program',
    state: 'ok',
    found: `wayside-agent ${readVersion()} on Node.js ${process.versions.node}, ${process.platform} ${process.arch}.`,
    mend: null,
  };
  const { checks: who, identity } = checkIdentity(stateFolder, Date.now());
  const url = options.server ?? identity?.agent_url.replace(/^wss:/, 'https:') ?? null;
  if (url !== null && !URL.canParse(url)) {
    throw new Failure('invalid_request', `--server is "${url}": it must be a URL such as https://host:7402.`);
  }
  const { checkWay } = await import('../doctor/network.ts');
  const way =
    url === null
      ? []
      : await checkWay({
          url: new URL(url),
          proxyEnv: config.proxyEnv(settings),
          identity: options.server === undefined ? identity : null,
          now: Date.now,
        });
  return [
    program,
    file.check,
    ...checkStateFolder(stateFolder, process.pid),
    ...who,
    checkJournal(stateFolder),
    checkHeads(stateFolder),
    checkMemory(file.registry),
    ...way,
  ];
}

const signs: Readonly<Record<Check['state'], readonly [string, string]>> = {
  ok: ['✓', '32'],
  warning: ['!', '33'],
  failed: ['✗', '31'],
  skipped: ['-', '90'],
};

function rendered({ name, state, found, mend, details }: Check, color: boolean): string {
  const [sign, hue] = signs[state];
  const head = `${color ? `\u001b[${hue}m${sign}\u001b[0m` : sign} ${name}: ${found}`;
  const lines = (details ?? []).flatMap((detail) => detail.split('\n')).map((line) => `    ${line}`);
  return [head, ...lines, ...(mend === null ? [] : [`  → ${mend}`])].join('\n');
}
