// The command tree of `wayside`.
import { Command, CommanderError } from 'commander';
import { registerAction } from './commands/action.ts';
import { registerAgent } from './commands/agent.ts';
import { registerAudit } from './commands/audit.ts';
import { registerBackup } from './commands/backup.ts';
import { registerBinding } from './commands/binding.ts';
import { registerClient } from './commands/client.ts';
import { registerDecision } from './commands/decision.ts';
import { registerElevate } from './commands/elevate.ts';
import { registerFederation } from './commands/federation.ts';
import { registerEntitlement } from './commands/entitlement.ts';
import { registerFolder } from './commands/folder.ts';
import { registerGroup } from './commands/group.ts';
import { registerHclEval } from './commands/hcl-eval.ts';
import { registerHclFmt } from './commands/hcl-fmt.ts';
import { registerHclParse } from './commands/hcl-parse.ts';
import { registerIdentityProvider } from './commands/identity-provider.ts';
import { registerKeyring } from './commands/keyring.ts';
import { registerLogin } from './commands/login.ts';
import { registerPki } from './commands/pki.ts';
import { registerPrincipal } from './commands/principal.ts';
import { registerProject } from './commands/project.ts';
import { registerRestore } from './commands/restore.ts';
import { registerRole } from './commands/role.ts';
import { registerRun } from './commands/run.ts';
import { registerSchedule } from './commands/schedule.ts';
import { registerOrganization } from './commands/organization.ts';
import { registerOwnerToken } from './commands/server-owner-token.ts';
import { registerServer } from './commands/server.ts';
import { registerService } from './commands/service.ts';
import { registerStore } from './commands/store.ts';
import { registerSession } from './commands/session.ts';
import { registerSupport } from './commands/support.ts';
import { registerTeam } from './commands/team.ts';
import { registerToken } from './commands/token.ts';
import { registerUser } from './commands/user.ts';
import { registerVariable } from './commands/variable.ts';
import type { Surroundings } from './cli.ts';
import { exitCodes } from './exit-codes.ts';

/** All commands, not yet parsed. */
export function buildProgram(surroundings: Surroundings): Command {
  const program = new Command('wayside')
    .description('Push-button operations for private networks.')
    .version('0.1.0')
    .option('--json', 'print JSON, one document or one line an event')
    .option('--url <url>', 'where the server is (WAYSIDE_URL)')
    .option('--project <project>', 'the project (WAYSIDE_PROJECT)')
    .showHelpAfterError('(`--help` says more)')
    .configureOutput({
      writeOut: (text) => void surroundings.streams.stdout.write(text),
      writeErr: (text) => void surroundings.streams.stderr.write(text),
      // A word too many may be a secret, which must not stand in a log.
      outputError: (text, write) => write(text.replace(/(too many arguments.* but got \d+): .*/s, '$1.\n')),
    });
  registerLogin(program, surroundings);
  registerGroup(program, surroundings);
  registerAgent(program, surroundings);
  registerAction(program, surroundings);
  registerVariable(program, surroundings);
  registerRun(program, surroundings);
  registerSchedule(program, surroundings);
  registerFolder(program, surroundings);
  registerOrganization(program, surroundings);
  registerProject(program, surroundings);
  registerPrincipal(program, surroundings);
  registerService(program, surroundings);
  registerToken(program, surroundings);
  registerUser(program, surroundings);
  registerSession(program, surroundings);
  registerElevate(program, surroundings);
  registerIdentityProvider(program, surroundings);
  registerFederation(program, surroundings);
  registerClient(program, surroundings);
  registerTeam(program, surroundings);
  registerRole(program, surroundings);
  registerBinding(program, surroundings);
  registerSupport(program, surroundings);
  registerEntitlement(program, surroundings);
  registerDecision(program, surroundings);
  registerAudit(program, surroundings);
  registerBackup(program, surroundings);
  registerRestore(program, surroundings);
  registerStore(program, surroundings);
  registerHclFmt(program, surroundings);
  registerHclParse(program, surroundings);
  registerHclEval(program, surroundings);
  registerPki(program, surroundings);
  registerKeyring(program, surroundings);
  registerOwnerToken(registerServer(program, surroundings), surroundings);
  return program;
}

/** Parses and runs; a mistake in the words of the call is exit code 64. */
export async function runProgram(
  program: Command,
  argv: readonly string[],
  surroundings: Surroundings,
): Promise<void> {
  throwInsteadOfExiting(program);
  try {
    await program.parseAsync(argv, { from: 'user' });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    surroundings.exit(error.exitCode === 0 ? exitCodes.done : exitCodes.usage);
  }
}

function throwInsteadOfExiting(command: Command): void {
  command.exitOverride();
  for (const child of command.commands) throwInsteadOfExiting(child);
}
