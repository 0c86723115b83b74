import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { killContainer } from '../../../agent/operations/engine.ts';
import { openFolder } from '../../support/folder.ts';
import type { Folder } from '../../support/folder.ts';
import { isAlive, path, pidsOf, until } from '../../support/children.ts';
import { loadText, runText, stopper } from '../../support/run-action.ts';
import type { RunOptions, Told } from '../../support/run-action.ts';

// No container engine answers on the machines that this was written on: what is shown here is that the command never
// runs on the host, the exact words and environment that an engine is given, and how it is told to stop. The engine
// is a script that notes what it is asked.
const stub = `#!/bin/sh
here=$(dirname "$0")
printf '%s\\n' "$@" > "$here/last-$1"
env > "$here/env-$1"
case "$1" in
  info) exit "$(cat "$here/info-code")" ;;
  run)
    for word in "$@"; do case "$word" in --cidfile=*) echo cid-1 > "\${word#--cidfile=}" ;; esac; done
    echo started
    if [ -f "$here/sleep" ]; then
      trap '' TERM
      sleep 300 & echo "pid $!" ; echo "$! $$" > "$here/pids"
      wait; wait
    fi
    exit "$(cat "$here/run-code")" ;;
  kill)
    echo "$@" >> "$here/kills"
    case "$2" in *KILL) kill -9 $(cat "$here/pids") ;; esac ;;
esac
`;

function openEngine(
  name: 'docker' | 'podman',
  { info = 0, run = 0 }: { info?: number; run?: number } = {},
): Folder {
  const folder = openFolder();
  writeFileSync(join(folder.path, name), stub, { mode: 0o755 });
  writeFileSync(join(folder.path, 'info-code'), `${info}`);
  writeFileSync(join(folder.path, 'run-code'), `${run}`);
  return folder;
}

function read(folder: Folder, name: string): readonly string[] {
  return readFileSync(join(folder.path, name), 'utf8').trimEnd().split('\n');
}

const base = '/usr/bin:/bin';

async function run(
  engine: Folder | null,
  lines: string,
  docker: string,
  options: RunOptions = {},
): Promise<Told> {
  const text = `group "g" {\n action "a" {\n input "v" {\n default = "x"\n }\n run {\n${lines}\n docker {\n image = "alpine:3.22"\n${docker}\n }\n }\n }\n}`;
  const PATH = engine === null ? base : `${engine.path}:${base}`;
  return runText(text, { ...options, environment: { PATH, ...options.environment } });
}

describe('R2: a command with a docker block never runs on the host', () => {
  test('without an engine', async () => {
    using folder = openFolder();
    const mark = join(folder.path, 'mark');
    const told = await run(null, `command = ["touch", "${mark}"]`, '');
    expect(told.outcome).toMatchObject({
      result: 'failed',
      code: 'engine_missing',
      operations: [{ kind: 'container' }],
    });
    expect(told.outcome.message).toMatch(/docker is not installed, podman is not installed/);
    expect(told.spawned).toEqual([]);
    expect(existsSync(mark)).toBe(false);
  });

  test('with an engine that does not answer', async () => {
    using engine = openEngine('docker', { info: 1 });
    const told = await run(engine, `command = ["touch", "${engine.path}/mark"]`, '');
    expect(told.outcome).toMatchObject({ result: 'failed', code: 'engine_missing' });
    expect(told.outcome.message).toMatch(/docker does not answer/);
    expect(existsSync(join(engine.path, 'mark'))).toBe(false);
    expect(existsSync(join(engine.path, 'last-run'))).toBe(false);
  });

  test('nor with one that answers: it gets the command, and nothing else runs', async () => {
    using engine = openEngine('docker');
    const told = await run(engine, `command = ["touch", "${engine.path}/mark"]`, '');
    expect(told.outcome.result).toBe('succeeded');
    expect(existsSync(join(engine.path, 'mark'))).toBe(false);
    expect(read(engine, 'last-run').slice(-3)).toEqual(['alpine:3.22', 'touch', `${engine.path}/mark`]);
  });
});

test('an engine is given every restriction, the labels of the run, and the words as they are', async () => {
  using engine = openEngine('docker');
  const told = await run(
    engine,
    'command = ["sh", "-c", "echo \\"$1\\"", "sh", var.v, ""]\n dir = "/work"\n env = { TOKEN = sensitive("t0ken-123456"), REGION = "x" }',
    'network = "bridge"\n volumes = ["/srv/deploy:/work:ro"]\n user = "1000:1000"\n memory = "512m"\n cpus = "1.5"\n entrypoint = ["/bin/tini", "--"]\n pull = "never"',
    { inputs: { v: '"; touch f"' } },
  );
  expect(told.outcome.result).toBe('succeeded');
  const name = `wayside-${told.runId}-1-0`;
  const words = readFileSync(join(engine.path, 'last-run'), 'utf8').split('\n').slice(0, -1);
  const cidFile = words.find((word) => word.startsWith('--cidfile='));
  expect(words.filter((word) => word !== cidFile)).toEqual([
    'run',
    '--rm',
    '--init',
    '--read-only',
    '--cap-drop=all',
    '--security-opt=no-new-privileges',
    '--pids-limit=512',
    '--network=bridge',
    '--tmpfs=/tmp',
    `--name=${name}`,
    '--pull=never',
    `--label=wayside.run=${told.runId}`,
    '--label=wayside.action=a',
    '--user=1000:1000',
    '--memory=512m',
    '--cpus=1.5',
    '--workdir=/work',
    '--entrypoint=/bin/tini',
    '--volume=/srv/deploy:/work:ro',
    '--env=REGION',
    '--env=TOKEN',
    '--env=WAYSIDE_RUN_ID',
    'alpine:3.22',
    '--',
    'sh',
    '-c',
    'echo "$1"',
    'sh',
    '; touch f',
    '',
  ]);
  // The value of a variable is in the engine's environment, not in an argument list that everybody can read.
  expect(words.join('\n')).not.toContain('t0ken-123456');
  expect(read(engine, 'env-run')).toContain('TOKEN=t0ken-123456');
  expect(existsSync(String(cidFile).slice('--cidfile='.length))).toBe(false);
  expect(told.spawned).toMatchObject([{ container: name }]);
});

test('without options there is no network, and the file system is read-only unless the file says otherwise', async () => {
  using engine = openEngine('podman');
  await run(engine, 'command = ["true"]', '');
  expect(read(engine, 'last-run')).toEqual(
    expect.arrayContaining(['--network=none', '--read-only', '--pull=missing']),
  );
  await run(engine, 'command = ["true"]', 'read_only = false');
  expect(read(engine, 'last-run')).not.toContain('--read-only');
});

test('a text with shell characters is run by the shell of the container', async () => {
  using engine = openEngine('docker');
  await run(engine, 'command = "echo a | cat"', '', { environment: { SHELL: '/bin/bash' } });
  expect(read(engine, 'last-run').slice(-4)).toEqual(['alpine:3.22', 'sh', '-c', 'echo a | cat']);
});

test('the token of a run goes into the container by its name, and a path of the host does not', async () => {
  using engine = openEngine('docker');
  const token = `wsr_${'t'.repeat(44)}`;
  const api = { url: 'https://wayside.example.com', caFile: '/etc/ca.pem' };
  const settings = { ...loadText('').settings, api };
  const context = {
    runId: 'r-1',
    attempt: 1,
    requestedBy: 'ada',
    agent: { id: 'a-1', name: 'agent one' },
    actionName: 'a',
    applicationName: null,
    token,
  };
  const told = await run(engine, 'command = ["env"]', '', { request: { context, settings } });
  expect(told.outcome.result).toBe('succeeded');
  const words = readFileSync(join(engine.path, 'last-run'), 'utf8').split('\n');
  expect(words.filter((word) => word.startsWith('--env='))).toEqual([
    '--env=WAYSIDE_TOKEN',
    '--env=WAYSIDE_URL',
    '--env=WAYSIDE_RUN_ID',
  ]);
  expect(words.join('\n')).not.toContain(token);
});

test("the engine sees its own configuration, not the rest of the agent's environment", async () => {
  using engine = openEngine('docker');
  const environment = { DOCKER_HOST: 'unix:///run/x.sock', AWS_SECRET_ACCESS_KEY: 'x' };
  await run(engine, 'command = ["true"]', '', { environment });
  expect(read(engine, 'env-run')).toContain('DOCKER_HOST=unix:///run/x.sock');
  expect(read(engine, 'env-run').join()).not.toContain('AWS_SECRET_ACCESS_KEY');
  const told = await run(engine, 'command = ["true"]\n env = { DOCKER_HOST = "tcp://evil" }', '');
  expect(told.outcome).toMatchObject({ result: 'failed', code: 'evaluation_failed' });
  expect(told.outcome.message).toMatch(/would configure the container engine/);
});

test("the exit code of the container is the operation's, and 125 is explained", async () => {
  using engine = openEngine('docker', { run: 7 });
  expect((await run(engine, 'command = ["true"]', '')).outcome).toMatchObject({
    result: 'failed',
    code: 'exit_status',
    exit_code: 7,
  });
  writeFileSync(join(engine.path, 'run-code'), '125');
  const told = await run(engine, 'command = ["true"]', '');
  expect(told.outcome.message).toMatch(/exit code 125.* The container engine could not start it/);
});

test('a stop asks the container first, kills it by name after the grace, and leaves no client behind', async () => {
  using engine = openEngine('docker');
  writeFileSync(join(engine.path, 'sleep'), '');
  const { signal, stop } = stopper();
  let printed = '';
  const running = run(engine, 'command = ["true"]', '', {
    stop: signal,
    sink: { output: ({ bytes }) => ((printed += Buffer.from(bytes).toString()), Promise.resolve()) },
  });
  const pids = await pidsOf(() => printed, 1);
  stop({ reason: 'requested', graceMs: 200 });
  const told = await running;
  expect(told.outcome).toMatchObject({ result: 'canceled', survivors: [] });
  const name = `wayside-${told.runId}-1-0`;
  expect(read(engine, 'kills')).toEqual([`kill --signal=TERM ${name}`, `kill --signal=KILL ${name}`]);
  await until('the client to be gone', () => !pids.some(isAlive));
});

test('a container that an earlier agent left is killed by its name', async () => {
  using engine = openEngine('docker');
  writeFileSync(join(engine.path, 'pids'), '');
  await killContainer({ environment: { PATH: `${engine.path}:${path}` } }, 'wayside-r-1-0');
  expect(read(engine, 'kills')).toEqual(['kill --signal=KILL wayside-r-1-0']);
});

test.each(['-v', 'a b', '$(x)', '/abs'])('%s is no image', async (image) => {
  using engine = openEngine('docker');
  const text = `group "g" {\n action "a" {\n run {\n command = ["true"]\n docker {\n image = "${image}"\n }\n }\n }\n}`;
  const told = await runText(text, { environment: { PATH: `${engine.path}:${base}` } });
  expect(told.outcome).toMatchObject({ result: 'failed', code: 'evaluation_failed' });
  expect(existsSync(join(engine.path, 'last-run'))).toBe(false);
});

test.each(['"relative:/x"', '"/a/../etc:/x"', '"/a:/b:z"', '"/a"', '"/a:/b:ro:x"'])(
  '%s is no volume',
  async (volume) => {
    using engine = openEngine('docker');
    const told = await run(engine, 'command = ["true"]', `volumes = [${volume}]`);
    expect(told.outcome).toMatchObject({ result: 'failed', code: 'evaluation_failed' });
  },
);
