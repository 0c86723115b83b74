// Executes a run: operation after operation, each evaluated when it is its turn, until one fails or the run is stopped;
// then only what is always done. Nothing that a run started is alive when its outcome is given.
import type { AgentSettings } from '../hcl/agent-file/definition.ts';
import { Failure } from '../protocol/failures.ts';
import { leftoverGraceMs, pipeDrainMs, survivorsMax } from '../protocol/limits.ts';
import type { Outcome } from '../protocol/outcome.ts';
import type { ExecuteRun, RunRequest, RunSink } from './contract.ts';
import type { HaltOptions } from './execute/halts.ts';
import { evaluateOutputs } from './execute/outputs.ts';
import { registerLeaves } from './execute/register.ts';
import { evaluateWith } from './execute/run.ts';
import type { Run } from './execute/run.ts';
import { takeStep } from './execute/step.ts';
import { outcomeOf } from './execute/verdict.ts';
import type { Fence } from './fence.ts';
import { createAgentFunctions } from './functions.ts';
import type { ExecutionHost } from './host.ts';
import { createLookups } from './lookups.ts';
import { say } from './operations/operation.ts';
import { createMasks } from './redact.ts';
import { createSecretReader } from './secrets/secrets.ts';
import type { SecretReader } from './secrets/store.ts';
import { settlesWithin } from './settle.ts';
import { stopTagged } from './stop.ts';

/** Executes runs on this machine. Connections to secret sources are kept from run to run. */
export function createExecuteRun(host: ExecutionHost): ExecuteRun {
  const readers = new WeakMap<AgentSettings, SecretReader>();
  return async (request, { sink, stop, clock }) => {
    const { settings, action } = request;
    const secrets =
      readers.get(settings) ??
      createSecretReader(settings.secrets, { environment: host.environment, boot: () => clock.boot() });
    readers.set(settings, secrets);
    const begun = clock.boot();
    const deadline = request.deadline ?? {
      boot: begun + action.timeoutMs,
      now: clock.now() + action.timeoutMs,
    };
    const run = openRun(request, { sink, host, secrets, halts: { stop, deadline, clock } });
    let outputs: Outcome['outputs'] = {};
    try {
      await announce(run);
      for (const definition of action.operations) await takeStep(definition, run);
      if (run.verdict === null) outputs = await takeOutputs(run);
    } finally {
      await stopLeftovers(run);
    }
    return {
      ...outcomeOf(run.verdict, run.masks),
      duration_ms: clock.boot() - begun,
      operations: run.rows,
      outputs,
      truncated: false,
      survivors: run.survivors.slice(0, survivorsMax),
    };
  };
}

function openRun(
  request: RunRequest,
  {
    sink,
    host,
    secrets,
    halts,
  }: {
    readonly sink: RunSink;
    readonly host: ExecutionHost;
    readonly secrets: SecretReader;
    readonly halts: HaltOptions;
  },
): Run {
  const { settings, inputs } = request;
  const { environment } = host;
  const masks = createMasks();
  for (const input of inputs.values()) registerLeaves(input, { masks, onShort: () => undefined });
  if (request.context.token !== undefined) masks.register(request.context.token);
  const onRead = (text: string): void => {
    masks.register(text);
  };
  const run: Run = {
    request,
    sink: {
      output: (event) => sink.output(event),
      status: (event) => sink.status(event),
      progress: (event) => sink.progress(event),
      spawned: (process) => {
        const { pid, startTime } = process;
        if (pid !== null) run.first ??= { pid, startTime, at: halts.clock.boot() };
        sink.spawned(process);
      },
    },
    halts,
    host,
    masks,
    functions: createAgentFunctions(createLookups({ settings, environment, secrets, onRead })),
    fence: openOnce(() => openFence(request.context.runId, host)),
    values: new Map(),
    rows: [],
    survivors: [],
    verdict: null,
    first: null,
  };
  return run;
}

/** Rule 25: a run whose action was let in by the compatibility switch says so each time. */
async function announce({ request, sink, masks }: Run): Promise<void> {
  const { action } = request;
  if (!action.compatibility) return;
  const tainted = action.warnings.filter(({ code = '' }) => code.startsWith('tainted_')).length;
  const risk = tainted === 0 ? '' : ` ${tainted} of its expressions may let an input run commands.`;
  await say({ sink, masks, title: '' }, `wayside: compatibility = "hcp" let this action in.${risk}`);
}

async function takeOutputs(run: Run): Promise<Outcome['outputs']> {
  try {
    return await evaluateWith(
      run,
      () => undefined,
      (evaluator) => evaluateOutputs(run.request.action.outputs, evaluator, run.masks),
    );
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    run.verdict = { result: 'failed', code: error.code, message: error.message, halt: null };
    return {};
  }
}

/** What left its operation's group and session is still found by the tag of the run. */
async function stopLeftovers(run: Run): Promise<void> {
  const { first } = run;
  if (first === null) return;
  const { clock } = run.halts;
  const ageMs = clock.boot() - first.at;
  const { runId } = run.request.context;
  const fence = run.fence();
  const tagged = { runId, first: { ...first, ageMs }, fence };
  const report = await stopTagged(tagged, { graceMs: leftoverGraceMs, clock });
  fence?.remove();
  if (fence !== null) run.host.keeper.forgetFence(fence.path);
  run.survivors.push(...report.survivors);
  if (report.stopped === 0) return;
  const what = report.stopped === 1 ? 'one process' : `${report.stopped} processes`;
  const line = `wayside: the run left ${what} behind, which the agent stopped.`;
  const told = say({ sink: run.sink, masks: run.masks, title: '' }, line);
  await settlesWithin(told, { ms: pipeDrainMs, clock });
}

function openFence(runId: string, { fences, keeper }: ExecutionHost): Fence | null {
  const fence = fences.open(runId);
  if (fence !== null) keeper.watchFence(fence.path);
  return fence;
}

function openOnce(open: () => Fence | null): () => Fence | null {
  let opened: { readonly fence: Fence | null } | null = null;
  return () => {
    opened ??= { fence: open() };
    return opened.fence;
  };
}
