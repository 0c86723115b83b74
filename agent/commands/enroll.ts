// `wayside-agent enroll`: from a one-time token to an identity; `--recover` gets an expired one back.
import type { Command } from 'commander';
import { readFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { Failure } from '../../protocol/failures.ts';
import { nameSchema } from '../../protocol/ids.ts';
import type { AgentConfig } from '../config.ts';
import { certificateLife, keyFingerprint, openStateFolder, readIdentity } from '../identity.ts';
import { loadRegistry, readSources } from '../load.ts';
import { trustPrivateCa } from '../secure-agent.ts';
import { lockState } from '../state-lock.ts';
import { configOf, isTerminal, print, printError, readStdin } from './edge.ts';
import { addSettings, examples, flagsOf } from './options.ts';
import type { AgentSettings } from '../../hcl/agent-file/definition.ts';

const tokenCharactersMax = 4_096;

interface EnrollFlags {
  readonly server?: string;
  readonly name?: string;
  readonly tokenFile?: string;
  readonly recover?: true;
  readonly replace?: true;
  readonly json?: true;
}

export function registerEnroll(program: Command): void {
  const command = program
    .command('enroll')
    .description('give this machine an identity, with a one-time token from `wayside group token`')
    .option('--server <url>', 'where to enrol, https://host:7402 (WAYSIDE_AGENT_SERVER)')
    .option(
      '--name <name>',
      'name of this agent, unique in its project; the host name when not given (WAYSIDE_AGENT_NAME)',
    )
    .option('--token-file <path>', 'file with the token; without it the token is read from standard input')
    .option('--recover', 'get the same identity back after its certificate expired, with a recovery token')
    .option('--replace', 'give up the identity that the state folder holds')
    .option('--json', 'print the identity for programs');
  addSettings(command, ['stateDir', 'config', 'proxy', 'caFile'])
    .addHelpText(
      'after',
      `${examples([
        'wayside-agent enroll --server https://wayside.internal:7402 --name build-1 --token-file /run/secrets/join',
        'echo "$TOKEN" | wayside-agent enroll --server https://wayside.internal:7402 --name build-1',
        'wayside-agent enroll --recover --token-file recovery-token',
      ])}
The token never goes on the command line, where every user of the machine could read it. It carries the fingerprint of
the root certificate; the server must show that certificate before the token is sent.

Exit codes: 0 enrolled, 64 usage, 68 server unreachable, 69 refused, 74 state folder unusable, 77 token or certificate
not accepted.`,
    )
    .action((options: EnrollFlags & Record<string, unknown>) => run(options));
}

async function run(options: EnrollFlags & Record<string, unknown>): Promise<void> {
  const config = configOf(flagsOf(options));
  const settings = settingsOf(config);
  if (settings?.network.caFile) trustPrivateCa(settings.network.caFile);
  const stateFolder = config.stateDir(settings);
  openStateFolder(stateFolder);
  const lock = lockState(stateFolder, process.pid);
  try {
    const { enroll, recoverIdentity } = await import('../enroll.ts');
    const shared = {
      server: serverOf(options, stateFolder),
      token: await readToken(options.tokenFile),
      stateFolder,
      proxyEnv: config.proxyEnv(settings),
      now: Date.now(),
      faultPoint: config.faultPoint,
    };
    const { identity, pendingApproval } =
      options.recover === true
        ? await recoverIdentity(shared)
        : await enroll({ ...shared, name: nameOf(options.name), replace: options.replace === true });
    const expires = new Date(certificateLife(identity).notAfter).toISOString();
    const { agent, groups, agent_url: agentUrl, generation } = identity;
    if (options.json === true) {
      return print(
        JSON.stringify({
          agent,
          groups,
          agent_url: agentUrl,
          generation,
          expires,
          pending_approval: pendingApproval,
          key_fingerprint: keyFingerprint(identity),
        }),
      );
    }
    const done = options.recover === true ? 'Recovered as' : 'Enrolled as';
    print(`${done} ${agent.name} (${agent.id}) for ${groups.map((name) => `"${name}"`).join(', ')}.`);
    print(
      `Keys and certificate are in ${stateFolder}; the certificate is good until ${expires} and renews itself.`,
    );
    if (pendingApproval) {
      // Whoever approves compares it with what the control plane shows (rules.md 33).
      print(`A person must approve this agent before it gets work. The fingerprint of its key is`);
      print(`  ${keyFingerprint(identity)}`);
      print(`so: wayside agent approve ${agent.name} --fingerprint ${keyFingerprint(identity)}`);
    }
    print(`Next: wayside-agent run -c agent.hcl`);
  } finally {
    lock.release();
  }
}

/** The file is optional here: it may name the state folder and the proxy. */
function settingsOf(config: AgentConfig): AgentSettings | null {
  if (config.files === null) {
    const { registry } = loadRegistry([{ name: 'none', text: '' }], config);
    return registry?.settings ?? null;
  }
  const { registry } = loadRegistry(readSources(config.files), config);
  if (registry !== null) return registry.settings;
  throw new Failure(
    'invalid_agent_file',
    `${config.files} has errors: see wayside-agent lint ${config.files}`,
  );
}

function serverOf({ server, recover }: EnrollFlags, stateFolder: string): URL {
  const text = server ?? process.env['WAYSIDE_AGENT_SERVER'] ?? knownServer(recover === true, stateFolder);
  if (text === null) {
    throw new Failure('invalid_request', 'Name the server: --server https://host:7402');
  }
  if (!URL.canParse(text) || new URL(text).protocol !== 'https:') {
    throw new Failure(
      'invalid_request',
      `--server is "${text}": it must be a URL such as https://host:7402.`,
    );
  }
  const url = new URL(text);
  return new URL(url.origin);
}

function knownServer(recover: boolean, stateFolder: string): string | null {
  return recover ? (readIdentity(stateFolder)?.enroll_url ?? null) : null;
}

function nameOf(flag: string | undefined): string {
  const name = flag ?? process.env['WAYSIDE_AGENT_NAME'] ?? hostname();
  if (nameSchema.safeParse(name).success) return name;
  throw new Failure(
    'invalid_request',
    `"${name}" cannot be the name of an agent: 1 to 63 letters, digits or . _ : - that begin with a letter or digit.`,
  );
}

async function readToken(file: string | undefined): Promise<string> {
  const path = file ?? process.env['WAYSIDE_AGENT_TOKEN_FILE'];
  if (path !== undefined) {
    try {
      return readFileSync(path, 'utf8');
    } catch (cause) {
      throw new Failure('invalid_request', `The token file ${path} cannot be read.`, { cause });
    }
  }
  if (isTerminal()) printError('Paste the token, then press Enter and Ctrl-D:');
  return readStdin(tokenCharactersMax);
}
