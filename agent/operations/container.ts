// Runs a command in a container, or refuses (R2): the engine's client is a process like any other, and what it
// started is stopped by the engine, because it is no child of ours.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Failure } from '../../protocol/failures.ts';
import type { ContainerPlan } from '../plan/operation-plan.ts';
import { runTag } from '../processes.ts';
import { runProcess, startFailure } from './command.ts';
import { configuresEngine, containerArgs, containerName, findEngine, signalContainer } from './engine.ts';
import type { Engine } from './engine.ts';
import { apiVariables } from './api-variables.ts';
import { checkHashes } from './hashes.ts';
import { failedBy, haltedBy } from './operation.ts';
import type { OperationContext, OperationEnd } from './operation.ts';

/** The engine's client answers this when it, or the engine, failed before the command was started. */
const engineErrorCode = 125;

/** Never throws for what happens to the command, and never runs it outside of a container. */
export async function runContainer(plan: ContainerPlan, context: OperationContext): Promise<OperationEnd> {
  try {
    checkVariables(plan);
    const engine = await findEngine(context.host);
    const halt = await checkHashes(plan.hashes, context.halt);
    if (halt !== null) return haltedBy(halt);
    const folder = await mkdtemp(join(tmpdir(), 'wayside-container-'));
    try {
      return explain(await runIn(engine, plan, { context, cidFile: join(folder, 'cid') }));
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    return error.code === 'engine_missing' ? failedBy(error) : startFailure(error);
  }
}

function checkVariables({ env }: ContainerPlan): void {
  for (const name of env.keys()) {
    if (configuresEngine(name)) {
      throw new Failure(
        'evaluation_failed',
        `The variable ${name} would configure the container engine: set it inside the container, for instance by \`env ${name}=… command\`.`,
      );
    }
  }
}

async function runIn(
  engine: Engine,
  plan: ContainerPlan,
  { context, cidFile }: { readonly context: OperationContext; readonly cidFile: string },
): Promise<OperationEnd> {
  const { definition, action, settings, host, sink, title } = context;
  const { runId, attempt } = context.context;
  const name = containerName(runId, attempt, definition.index);
  const kept = { engine: engine.program, name };
  // A path of the host means nothing in there.
  const { WAYSIDE_CA_FILE: _caFile, ...own } = apiVariables(context.context, settings);
  const args = containerArgs(plan, {
    name,
    cidFile,
    labels: { 'wayside.run': runId, 'wayside.action': action.name },
    variables: [...new Set([...Object.keys(own), ...plan.env.keys()]), runTag],
  });
  const given = {
    ...own,
    ...Object.fromEntries([...plan.env].map(([variable, { value }]) => [variable, value])),
  };
  const env = { ...engine.env, ...given, [runTag]: runId };
  host.keeper.watchContainer(kept);
  try {
    return await runProcess({ file: engine.program, args, dir: '/', env, runId }, context, {
      onStarted: ({ pid, startTime }) => {
        sink.spawned({ operation: title, pid, group: pid, startTime, container: name });
      },
      stop: async (running, graceMs) => {
        const asked = graceMs > 0 && (await signalContainer(engine, name, 'TERM'));
        if (asked) await ended(running.exited, { context, ms: graceMs });
        await signalContainer(engine, name, 'KILL');
        return running.stop(graceMs > 0 && !asked ? graceMs : 0);
      },
    });
  } finally {
    host.keeper.forgetContainer(kept);
  }
}

async function ended(
  exited: Promise<unknown>,
  { context, ms }: { readonly context: OperationContext; readonly ms: number },
): Promise<void> {
  const timer = new AbortController();
  await Promise.race([exited, context.clock.sleep(ms, timer.signal).catch(() => undefined)]);
  timer.abort();
}

function explain(end: OperationEnd): OperationEnd {
  if (end.exitCode !== engineErrorCode) return end;
  return {
    ...end,
    message: `${end.message ?? ''} The container engine could not start it; its output says why.`,
  };
}
