// One operation of a run, from its turn to its verdict.
import type { OperationDefinition } from '../../hcl/agent-file/definition.ts';
import { objectValue, SENSITIVE, TAINTED, withMarksDeep } from '../../hcl/values.ts';
import { Failure } from '../../protocol/failures.ts';
import { secretCharactersMin } from '../../protocol/limits.ts';
import type { OperationResult } from '../../protocol/outcome.ts';
import { shellOf } from '../host.ts';
import { runCommand } from '../operations/command.ts';
import { runContainer } from '../operations/container.ts';
import { runHttp } from '../operations/http.ts';
import { failedBy, haltedBy, say, whenHalted } from '../operations/operation.ts';
import type { OperationContext, OperationEnd } from '../operations/operation.ts';
import { runStatus } from '../operations/status.ts';
import { operationTitle, planOperation } from '../plan.ts';
import type { OperationPlan } from '../plan/operation-plan.ts';
import { afterwardsMs, runHalt, watchOperation } from './halts.ts';
import type { OperationHalt } from './halts.ts';
import { registerLeaves } from './register.ts';
import { evaluateWith } from './run.ts';
import type { Run } from './run.ts';
import { isTolerated, judge, resultOf, verdictOfHalt } from './verdict.ts';
import type { Verdict } from './verdict.ts';

/** Does the operation, or skips it, and notes in `run` what that means. */
export async function takeStep(definition: OperationDefinition, run: Run): Promise<void> {
  const { clock } = run.halts;
  const title = operationTitle(definition);
  const kind = kindOf(definition);
  if (run.verdict === null) {
    const halt = runHalt(run.halts);
    if (halt !== null) run.verdict = verdictOfHalt(halt);
  }
  if (run.verdict !== null && !isStillDone(definition, run.verdict)) {
    run.rows.push({ name: title, kind, result: 'skipped', tolerated: false, duration_ms: 0 });
    await run.sink.progress({ operation: title, kind, state: 'skipped' });
    return;
  }
  const stopped = run.verdict?.halt ?? null;
  const afterwards = stopped === null ? null : afterwardsMs(stopped);
  using halt = watchOperation(definition, run.halts, { afterwards });
  const begun = clock.boot();
  const told = run.sink.progress({ operation: title, kind, state: 'begun' });
  const [end] = await Promise.all([perform(definition, run, halt), told]);
  const durationMs = clock.boot() - begun;
  const tolerated = isTolerated(end, definition) && !halt.endsRun();
  settle(definition, end, run, halt);
  run.rows.push(resultOf(end, { title, kind, tolerated, durationMs }, run.masks));
  await run.sink.progress({
    operation: title,
    kind,
    state: end.result,
    durationMs,
    ...(end.exitCode === undefined ? {} : { exitCode: end.exitCode }),
  });
}

/** After a failure or a stop only what is always done; after a revocation nothing. */
function isStillDone({ always }: OperationDefinition, { halt }: Verdict): boolean {
  return always && halt?.code !== 'agent_revoked';
}

function kindOf(definition: OperationDefinition): OperationResult['kind'] {
  return definition.kind === 'run' && definition.docker !== null ? 'container' : definition.kind;
}

async function perform(
  definition: OperationDefinition,
  run: Run,
  { signal }: OperationHalt,
): Promise<OperationEnd> {
  const { request, sink, host, masks, halts } = run;
  const title = operationTitle(definition);
  const { halted, forget } = whenHalted(signal);
  try {
    // A source of secrets may take its time, and a run that is stopped does not wait for it.
    const plan = await Promise.race([planStep(definition, run, title), halted]);
    if ('graceMs' in plan) return haltedBy(plan);
    return await carryOut(plan, {
      definition,
      title,
      action: request.action,
      settings: request.settings,
      context: request.context,
      sink,
      masks,
      clock: halts.clock,
      host,
      fence: run.fence,
      deniedTargets: request.deniedTargets ?? [],
      halt: signal,
    });
  } catch (error) {
    if (error instanceof Failure) return failedBy(error);
    throw error;
  } finally {
    forget();
  }
}

async function planStep(definition: OperationDefinition, run: Run, title: string): Promise<OperationPlan> {
  let hasShort = false;
  const onShort = (): void => {
    hasShort = true;
  };
  const plan = await evaluateWith(run, onShort, (evaluator) =>
    planOperation(definition, evaluator, {
      shell: shellOf(run.host),
      proxy: run.request.settings.network.proxy,
      runAs: run.request.settings.runAs,
    }),
  );
  if (hasShort) {
    const line = `wayside: a sensitive value has fewer than ${secretCharactersMin} characters and cannot be masked.`;
    await say({ sink: run.sink, masks: run.masks, title }, line);
  }
  return plan;
}

function carryOut(plan: OperationPlan, context: OperationContext): Promise<OperationEnd> {
  switch (plan.kind) {
    case 'run':
      return runCommand(plan, context);
    case 'container':
      return runContainer(plan, context);
    case 'http':
      return runHttp(plan, context);
    case 'status':
      return runStatus(plan, context);
  }
}

/** What the end of an operation means for the run and for later expressions. */
function settle(definition: OperationDefinition, end: OperationEnd, run: Run, halt: OperationHalt): void {
  const marks = TAINTED | (definition.sensitive ? SENSITIVE : 0);
  const values = withMarksDeep(objectValue(end.values), marks);
  registerLeaves(values, { masks: run.masks, onShort: () => undefined });
  if (definition.name !== null) run.values.set(definition.name, values);
  run.survivors.push(...end.survivors);
  const stopped = halt.endsRun() && end.result !== 'succeeded' ? runHalt(run.halts) : null;
  run.verdict = judge(run.verdict, end, { definition, halt: stopped });
}
