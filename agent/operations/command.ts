// Runs a command on this machine: in its own group, with a scrubbed environment, its output streamed as it comes, and
// nothing of it left alive afterwards.
import { numberFromText, NULL } from '../../hcl/values.ts';
import type { Value } from '../../hcl/values.ts';
import { Failure } from '../../protocol/failures.ts';
import { pipeDrainMs } from '../../protocol/limits.ts';
import { childEnvironment, pathDefault } from '../host.ts';
import type { CommandPlan } from '../plan/operation-plan.ts';
import { settlesWithin } from '../settle.ts';
import { startProcess } from '../spawn.ts';
import type { Exit, ProcessRequest, RunningProcess } from '../spawn.ts';
import type { StopReport } from '../stop.ts';
import { apiVariables } from './api-variables.ts';
import { checkHashes } from './hashes.ts';
import { failedBy, foreignText, haltedBy, nothing, say, whenHalted } from './operation.ts';
import type { Halt, OperationContext, OperationEnd } from './operation.ts';
import { createOutputWay } from './output.ts';
import type { OutputWay } from './output.ts';
import { asUser, findDir, findProgram, findUser } from './program.ts';

/** What a shell answers for a program that is not there, and for one that may not be executed. */
const notFoundCode = 127;
const notPermittedCode = 126;

/** Never throws for what happens to the command. */
export async function runCommand(plan: CommandPlan, context: OperationContext): Promise<OperationEnd> {
  try {
    const request = await prepareProcess(plan, context);
    const halt = await checkHashes(plan.hashes, context.halt);
    if (halt !== null) return haltedBy(halt);
    return await runProcess(request, context);
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    return startFailure(error);
  }
}

/** A command that did not start has an exit code where a shell would have one. */
export function startFailure(failure: Failure): OperationEnd {
  const exitCode =
    failure.code === 'exec_not_found'
      ? notFoundCode
      : failure.code === 'exec_not_permitted'
        ? notPermittedCode
        : undefined;
  const values = new Map([['exit_code', exitCode === undefined ? NULL : numberOf(exitCode)]]);
  return failedBy(failure, exitCode === undefined ? { values } : { values, exitCode });
}

async function prepareProcess(
  plan: CommandPlan,
  { host, settings, context }: OperationContext,
): Promise<ProcessRequest> {
  const account = plan.runAs === null ? null : await findUser(plan.runAs);
  const env = childEnvironment(host, {
    inherit: settings.envInherit,
    given: plan.env,
    runId: context.runId,
    own: apiVariables(context, settings),
    ...(account === null ? {} : { home: account.home }),
  });
  const dir = await findDir(plan.dir, host.cwd);
  const [name = '', ...args] = plan.argv.map(({ value }) => value);
  const program = findProgram(name, { dir, path: env['PATH'] ?? '' });
  if (account === null || plan.runAs === null) {
    return { file: program, argv0: name, args, dir, env, runId: context.runId };
  }
  const setpriv = findProgram('setpriv', { dir, path: host.environment['PATH'] ?? pathDefault });
  const command = asUser({ name: plan.runAs, account, agentUid: host.uid }, { setpriv, program, args });
  return { file: command.program, argv0: 'setpriv', args: command.args, dir, env, runId: context.runId };
}

/**
 * Starts a process, passes on what it prints, and stays until nothing of it is left. `onStarted` learns of it at
 * once; `stop` is how it is stopped when that takes more than signals. Throws what startProcess does.
 */
export async function runProcess(
  request: ProcessRequest,
  context: OperationContext,
  hooks: {
    readonly onStarted?: (running: RunningProcess) => void;
    readonly stop?: (running: RunningProcess, graceMs: number) => Promise<StopReport>;
  } = {},
): Promise<OperationEnd> {
  const { host, clock, halt, sink, title } = context;
  const running = await startProcess(request, { clock, keeper: host.keeper, fence: context.fence() });
  const { pid, startTime } = running;
  if (hooks.onStarted === undefined) {
    sink.spawned({ operation: title, pid, group: pid, startTime, container: null });
  } else hooks.onStarted(running);
  const way = createOutputWay(context);
  const { halted, forget } = whenHalted(halt);
  const reading = running.read((stream, chunk) => way.write(stream, chunk));
  try {
    const first = await Promise.race([
      running.exited.then((exit): Happening => ({ kind: 'exit', exit })),
      halted.then((reason): Happening => ({ kind: 'halt', reason })),
      reading.then(
        (): Promise<never> => new Promise(() => undefined),
        (error: unknown): Happening => ({ kind: 'lost', error }),
      ),
    ]);
    return await finish(first, { running, way, context, halted, stop: hooks.stop ?? stopPlainly });
  } finally {
    forget();
  }
}

type Happening =
  | { readonly kind: 'exit'; readonly exit: Exit }
  | { readonly kind: 'halt'; readonly reason: Halt }
  /** The sink takes no more. */
  | { readonly kind: 'lost'; readonly error: unknown };

function stopPlainly(running: RunningProcess, graceMs: number): Promise<StopReport> {
  return running.stop(graceMs);
}

async function finish(
  first: Happening,
  {
    running,
    way,
    context,
    halted,
    stop,
  }: {
    readonly running: RunningProcess;
    readonly way: OutputWay;
    readonly context: OperationContext;
    readonly halted: Promise<Halt>;
    readonly stop: (running: RunningProcess, graceMs: number) => Promise<StopReport>;
  },
): Promise<OperationEnd> {
  const { clock } = context;
  switch (first.kind) {
    case 'lost':
      await stop(running, 0);
      throw first.error;
    case 'halt': {
      const { result, code, message, graceMs } = first.reason;
      const report = await stop(running, graceMs);
      // Nobody may be there to take what is left, and a run that was told to stop does not wait for that.
      await settlesWithin(way.end({ cut: true }), { ms: pipeDrainMs, clock });
      return { ...nothing, result, code, message, values: valuesOf(null, way), survivors: report.survivors };
    }
    case 'exit': {
      const { exit } = first;
      const report = await Promise.race([running.cleanUp(), halted.then(() => stop(running, 0))]);
      const told = way
        .end({ cut: exit.signal !== null })
        .then(() => (report === null || report.stopped === 0 ? undefined : say(context, leftBehind(report))));
      await Promise.race([told, halted.then(() => settlesWithin(told, { ms: pipeDrainMs, clock }))]);
      return { ...endOf(exit), values: valuesOf(exit.code, way), survivors: report?.survivors ?? [] };
    }
  }
}

function leftBehind({ stopped, survivors }: StopReport): string {
  const what = stopped === 1 ? 'one process' : `${stopped} processes`;
  const rest = survivors.length === 0 ? '' : ` Still alive: ${survivors.join(', ')}.`;
  return `wayside: the command ended and left ${what} behind, which the agent stopped.${rest}`;
}

function endOf({ code, signal }: Exit): Omit<OperationEnd, 'values' | 'survivors'> {
  if (code === 0) return { result: 'succeeded', exitCode: 0 };
  if (code !== null) {
    return {
      result: 'failed',
      code: 'exit_status',
      message: `The command ended with exit code ${code}.`,
      exitCode: code,
    };
  }
  const name = signal ?? 'a signal';
  return {
    result: 'failed',
    code: 'killed_by_signal',
    message: `The command was ended by ${name}.`,
    signal: name,
  };
}

function valuesOf(exitCode: number | null, way: OutputWay): ReadonlyMap<string, Value> {
  return new Map([
    ['exit_code', exitCode === null ? NULL : numberOf(exitCode)],
    ['output', foreignText(way.lastLine())],
  ]);
}

function numberOf(value: number): Value {
  return numberFromText(String(value)) ?? NULL;
}
