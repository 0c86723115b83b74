// The container engine of the machine: which one answers, the words that start a container, and how it is killed.
import { execa } from 'execa';
import { Failure } from '../../protocol/failures.ts';
import { containerPidsMax, engineMsMax } from '../../protocol/limits.ts';
import type { ExecutionHost } from '../host.ts';
import { engineEnvironment, engineVariables, isProgram, pathDefault } from '../host.ts';
import type { ContainerPlan } from '../plan/operation-plan.ts';

/** In the order in which they are asked. */
const engines = ['docker', 'podman'] as const;

export interface Engine {
  /** Absolute path. */
  readonly program: string;
  readonly env: Readonly<Record<string, string>>;
}

/** The first engine whose server answers. Throws `engine_missing`: the command never runs on the host (R2). */
export async function findEngine(host: Pick<ExecutionHost, 'environment'>): Promise<Engine> {
  const env = engineEnvironment(host);
  const reasons: string[] = [];
  for (const name of engines) {
    const program = (env['PATH'] ?? pathDefault)
      .split(':')
      .map((folder) => `${folder}/${name}`)
      .find((path) => path.startsWith('/') && isProgram(path));
    if (program === undefined) {
      reasons.push(`${name} is not installed`);
      continue;
    }
    // `info` asks the server; `version` of some engines answers without one.
    const result = await ask({ program, env }, ['info']);
    if (result.exitCode === 0) return { program, env };
    reasons.push(`${program} does not answer`);
  }
  throw new Failure(
    'engine_missing',
    `No container engine answers (${reasons.join(', ')}), and a command with a docker block never runs on the host. Start docker or podman, and let the agent's user use it.`,
  );
}

/** A name that one operation of one attempt has for itself. */
export function containerName(runId: string, attempt: number, index: number): string {
  return `wayside-${runId}-${attempt}-${index}`.replaceAll(/[^A-Za-z0-9_.-]/g, '-');
}

/**
 * The engine's argument list for a plan. Values of variables are handed over in the engine's own environment, where
 * other users of the machine do not see them, so `variables` must be in it.
 */
export function containerArgs(
  plan: ContainerPlan,
  {
    name,
    cidFile,
    labels,
    variables,
  }: {
    readonly name: string;
    readonly cidFile: string;
    readonly labels: Readonly<Record<string, string>>;
    readonly variables: readonly string[];
  },
): readonly string[] {
  const flag = (option: string, value: string | null): readonly string[] =>
    value === null ? [] : [`--${option}=${value}`];
  const [entrypoint = null, ...entrypointArgs] = plan.entrypoint ?? [];
  return [
    'run',
    '--rm',
    '--init',
    ...(plan.readOnly ? ['--read-only'] : []),
    '--cap-drop=all',
    '--security-opt=no-new-privileges',
    `--pids-limit=${containerPidsMax}`,
    `--network=${plan.network}`,
    '--tmpfs=/tmp',
    `--cidfile=${cidFile}`,
    `--name=${name}`,
    `--pull=${plan.pull}`,
    ...Object.entries(labels).map(([label, value]) => `--label=${label}=${value}`),
    ...flag('user', plan.user),
    ...flag('memory', plan.memory),
    ...flag('cpus', plan.cpus),
    ...flag('workdir', plan.dir?.value ?? null),
    ...flag('entrypoint', entrypoint),
    ...plan.volumes.map((volume) => `--volume=${volume}`),
    ...variables.map((variable) => `--env=${variable}`),
    plan.image.value,
    ...entrypointArgs,
    ...plan.argv.map(({ value }) => value),
  ];
}

/** True for a variable whose value would configure the engine instead of the container. */
export function configuresEngine(name: string): boolean {
  return engineVariables.test(name) || name.startsWith('LD_');
}

/** Sends a signal to a container. False when there is none of that name. */
export async function signalContainer(engine: Engine, name: string, signal: string): Promise<boolean> {
  const { exitCode } = await ask(engine, ['kill', `--signal=${signal}`, name]);
  return exitCode === 0;
}

/** Kills a container that an earlier process of the agent left. False when there was none. Throws `engine_missing`. */
export async function killContainer(
  host: Pick<ExecutionHost, 'environment'>,
  name: string,
): Promise<boolean> {
  return signalContainer(await findEngine(host), name, 'KILL');
}

async function ask(
  engine: Engine,
  args: readonly string[],
): Promise<{ readonly exitCode?: number | undefined }> {
  return execa(engine.program, args, {
    env: engine.env,
    extendEnv: false,
    stdin: 'ignore',
    stdout: 'ignore',
    stderr: 'ignore',
    reject: false,
    timeout: engineMsMax,
    killDescendants: true,
  });
}
