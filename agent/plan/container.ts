// Plans a command in a container. The options are the author's, never foreign (the loader sees to that); here they are
// checked to be what they seem, because an engine reads a word that begins with `-` as another option.
import type { Expression } from '../../hcl/ast.ts';
import type { DockerDefinition, RunOperation } from '../../hcl/agent-file/definition.ts';
import { convert } from '../../hcl/convert.ts';
import { isSequence, listOf, STRING } from '../../hcl/values.ts';
import { planArgv } from './argv.ts';
import { planDir } from './dir.ts';
import { planEnvironment } from './environment.ts';
import type { Evaluator } from './evaluator.ts';
import type { ContainerPlan } from './operation-plan.ts';

/** The shell of a container is whatever its image calls `sh`. */
const containerShell = 'sh';

/** Throws what planArgv, planDir and planEnvironment do, and `evaluation_failed` for options that are not possible. */
export function planContainer(
  operation: RunOperation,
  docker: DockerDefinition,
  evaluator: Evaluator,
): ContainerPlan {
  const argv = planArgv(operation.command, evaluator, containerShell);
  const image = evaluator.text(docker.image);
  if (!/^[A-Za-z0-9][A-Za-z0-9._:/@-]*$/.test(image.value)) {
    throw evaluator.fail(docker.image, 'this is not the name of an image.');
  }
  return {
    kind: 'container',
    argv,
    image,
    dir: planDir(operation.dir, evaluator, argv)?.path ?? null,
    env: planEnvironment(operation.env, evaluator),
    network: option(docker.network, evaluator, /^[A-Za-z0-9][A-Za-z0-9_.:-]*$/) ?? 'none',
    volumes: planVolumes(docker.volumes, evaluator),
    user: option(docker.user, evaluator, /^[A-Za-z0-9_][A-Za-z0-9_.-]*(?::[A-Za-z0-9_.-]+)?$/),
    memory: option(docker.memory, evaluator, /^\d+[bkmgBKMG]?$/),
    cpus: option(docker.cpus, evaluator, /^\d+(?:\.\d+)?$/),
    entrypoint: docker.entrypoint === null ? null : texts(docker.entrypoint, evaluator),
    pull: docker.pull,
    readOnly: docker.readOnly,
    hashes: operation.hashes,
  };
}

function option(expression: Expression | null, evaluator: Evaluator, pattern: RegExp): string | null {
  if (expression === null) return null;
  const { value } = evaluator.text(expression);
  if (!pattern.test(value)) throw evaluator.fail(expression, 'an engine does not take this value.');
  return value;
}

/** `HOST:CONTAINER` or `HOST:CONTAINER:ro`, both absolute and without segments that lead back. */
function planVolumes(expression: Expression | null, evaluator: Evaluator): readonly string[] {
  if (expression === null) return [];
  return texts(expression, evaluator).map((volume) => {
    const [host = '', container = '', mode, ...rest] = volume.split(':');
    const possible =
      isPlainPath(host) && isPlainPath(container) && /^(?:ro|rw)?$/.test(mode ?? '') && rest.length === 0;
    if (!possible) {
      throw evaluator.fail(
        expression,
        'a volume is HOST:CONTAINER or HOST:CONTAINER:ro, with absolute paths.',
      );
    }
    return volume;
  });
}

function isPlainPath(path: string): boolean {
  return path.startsWith('/') && !path.includes('\0') && !path.split('/').includes('..');
}

function texts(expression: Expression, evaluator: Evaluator): readonly string[] {
  const converted = convert(evaluator.value(expression), listOf(STRING));
  if (!('value' in converted) || !isSequence(converted.value)) {
    throw evaluator.fail(expression, 'a list of texts is needed here.');
  }
  return converted.value.items.map((item) => {
    if (item.kind === 'string' && !item.value.includes('\0')) return item.value;
    throw evaluator.fail(expression, 'a list of texts is needed here, without null.');
  });
}
