import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { isAlive, pidsOf, until } from '../support/children.ts';
import { openFolder } from '../support/folder.ts';
import { runText, stopper } from '../support/run-action.ts';
import type { Told } from '../support/run-action.ts';

function example(name: string): string {
  return readFileSync(join(import.meta.dirname, '../../examples/hcl/regressions', `${name}.hcl`), 'utf8');
}

/** An action of `operation` blocks. */
function steps(...blocks: readonly string[]): string {
  return `group "g" {\n action "a" {\n${blocks.join('\n')}\n }\n}`;
}

function step(command: string, more = ''): string {
  return `operation {\n${more}\n run {\n command = ${command}\n }\n}`;
}

function states({ outcome }: Told): readonly string[] {
  return outcome.operations.map(({ result, tolerated }) => (tolerated ? `${result} (tolerated)` : result));
}

describe('R1', () => {
  test('the first failure ends the run with its exit code, and the rest is skipped', async () => {
    const told = await runText(example('r01-first-failure-stops'), { action: 'r01-stops' });
    expect(told.outcome).toMatchObject({ result: 'failed', code: 'exit_status', exit_code: 3 });
    expect(states(told)).toEqual(['failed', 'skipped']);
    expect(told.stdout).toBe('');
    expect(told.progress.map(({ state }) => state)).toEqual(['begun', 'failed', 'skipped']);
  });

  test('on_failure = "continue" goes on, and that failure does not fail the run', async () => {
    const told = await runText(example('r01-first-failure-stops'), { action: 'r01-continues' });
    expect(told.outcome.result).toBe('succeeded');
    expect(states(told)).toEqual(['failed (tolerated)', 'succeeded']);
    expect(told.stdout).toBe('must be printed\n');
  });
});

test('R4: the child sees PATH, HOME, LANG, TZ, its run and what the file says, and nothing else of the agent', async () => {
  const environment = {
    LANG: 'de_DE.UTF-8',
    TZ: 'Europe/Berlin',
    AWS_SECRET_ACCESS_KEY: 'x',
    WAYSIDE_TOKEN: 'y',
    SHELL: '/bin/sh',
    SSH_AUTH_SOCK: '/s',
  };
  const told = await runText(example('r04-scrubbed-environment'), { environment });
  const lines = told.stdout.trim().split('\n').sort();
  expect(lines.map((line) => line.split('=')[0])).toEqual([
    'GIVEN',
    'HOME',
    'LANG',
    'PATH',
    'TZ',
    'WAYSIDE_RUN_ID',
  ]);
  expect(lines).toContain(`WAYSIDE_RUN_ID=${told.runId}`);
  expect(lines).toContain('LANG=de_DE.UTF-8');
  const inheriting = `agent {\n env_inherit = ["SSH_AUTH_SOCK", "MISSING"]\n}\n${example('r04-scrubbed-environment')}`;
  const more = await runText(inheriting, { environment });
  expect(more.stdout).toContain('SSH_AUTH_SOCK=/s\n');
  expect(more.stdout).not.toContain('MISSING');
});

test('R4: nothing overrides the tag of the run', async () => {
  const told = await runText(
    steps(
      `operation {\n run {\n command = ["env"]\n env = { WAYSIDE_RUN_ID = "other", PATH = "/usr/bin:/bin" }\n }\n }`,
    ),
  );
  expect(told.stdout).toContain(`WAYSIDE_RUN_ID=${told.runId}\n`);
});

describe('R6', () => {
  test('a missing program is named, and its exit code is 127', async () => {
    const { outcome } = await runText(example('r06-missing-binary'));
    expect(outcome).toMatchObject({
      result: 'failed',
      code: 'exec_not_found',
      exit_code: 127,
      message: '/no/such/program was not found.',
    });
  });

  test.each([
    ['["no-such-program"]', 'exec_not_found', 127, /no-such-program was not found in PATH/],
    ['["/etc/passwd"]', 'exec_not_permitted', 126, /\/etc\/passwd may not be executed/],
    ['["/etc"]', 'exec_not_permitted', 126, /may not be executed/],
    ['"no-such-program; exit 9"', 'exit_status', 9, /exit code 9/],
  ])('%s', async (command, code, exitCode, message) => {
    const { outcome } = await runText(steps(step(command)));
    expect(outcome).toMatchObject({ result: 'failed', code, exit_code: exitCode });
    expect(outcome.message).toMatch(message);
  });

  test('a script whose interpreter is missing says so', async () => {
    using folder = openFolder();
    const file = join(folder.path, 'script');
    writeFileSync(file, '#!/no/such/interpreter\n', { mode: 0o755 });
    const { outcome } = await runText(steps(step(`["${file}"]`)));
    expect(outcome).toMatchObject({ code: 'exec_not_found', exit_code: 127 });
    expect(outcome.message).toMatch(/interpreter/);
  });
});

test('R10: 12345678901234567 arrives as itself', async () => {
  const told = await runText(example('r10-exact-numbers'), { inputs: { number: '12345678901234567' } });
  expect(told.stdout).toBe('given 12345678901234567\nliteral 12345678901234567.1\n');
});

test('R13: a status is sent', async () => {
  const { statuses } = await runText(example('r13-status-is-sent'));
  expect(statuses).toEqual([
    { operation: 'status', message: 'half way', values: { percent: 50 }, status: 'running' },
  ]);
});

describe('later expressions', () => {
  test('see the exit code and the last line of a command', async () => {
    const told = await runText(
      steps(
        step('"echo one; echo two; echo; exit 4"', 'name = "first step"\n on_failure = "continue"'),
        step('["printf", "%s %s", operation["first step"].exit_code, operation["first step"].output]'),
      ),
    );
    expect(told.stdout).toBe('one\ntwo\n\n4 two');
  });

  test('that cannot be evaluated fail their operation with the place in the file', async () => {
    const told = await runText(
      steps(step('["true"]', 'name = "a"'), step('["echo", jsondecode(operation.a.output).x]')),
    );
    expect(told.outcome).toMatchObject({ result: 'failed', code: 'evaluation_failed' });
    expect(told.outcome.message).toMatch(/^agent\.hcl:\d+:\d+: /);
    expect(states(told)).toEqual(['succeeded', 'failed']);
  });

  test('are marked as foreign: an output does not become an option', async () => {
    const told = await runText(
      steps(step('["echo", "-rf"]', 'name = "a"'), step('["echo", operation.a.output]')),
    );
    expect(told.outcome).toMatchObject({ result: 'failed', code: 'tainted_argument' });
  });
});

describe('outputs', () => {
  const action = (output: string): string =>
    `group "g" {\n action "a" {\n input "v" {\n default = "x"\n }\n input "t" {\n sensitive = true\n }\n run {\n command = ["echo", "done"]\n }\n ${output}\n }\n}`;
  const inputs = { t: '"s3cr3t-token"' };

  test('are values with every digit', async () => {
    const { outcome } = await runText(
      action(
        'output "o" {\n value = { n = 12345678901234567, l = [var.v, null], last = operation.run.output }\n }',
      ),
      { inputs },
    );
    expect(JSON.stringify(outcome.outputs)).toBe(
      '{"o":{"value":{"l":["x",null],"last":"done","n":12345678901234567},"sensitive":false}}',
    );
  });

  test('that are sensitive never leave', async () => {
    const told = await runText(
      action(
        `output "a" {\n value = "with \${var.t}"\n }\n output "b" {\n sensitive = true\n value = "plain value"\n }\n output "c" {\n value = { t = var.t, v = var.v }\n }`,
      ),
      { inputs },
    );
    expect(told.outcome.outputs).toEqual({
      a: { value: null, sensitive: true },
      b: { value: null, sensitive: true },
      c: { value: { t: '***', v: 'x' }, sensitive: true },
    });
    expect(told.everything).not.toContain('s3cr3t-token');
  });

  test('that fail, fail the run', async () => {
    const { outcome } = await runText(action('output "o" {\n value = jsondecode(var.v)\n }'), { inputs });
    expect(outcome).toMatchObject({ result: 'failed', code: 'evaluation_failed', outputs: {} });
  });

  test('are not evaluated after a failure', async () => {
    const { outcome } = await runText(
      steps(step('"exit 2"', 'name = "a"'), 'output "o" {\n value = operation.a.output\n }'),
    );
    expect(outcome).toMatchObject({ result: 'failed', exit_code: 2, outputs: {} });
  });
});

describe('masking', () => {
  const token = 'tok/3n with "quotes" & ümlaut';
  const declared = 'input "token" {\n sensitive = true\n }';

  test('covers output, status, messages and outputs, in every form that a program may print', async () => {
    const text = `group "g" {
      action "a" {
        ${declared}
        operation {
          name = "print"
          run {
            command = ["sh", "-c", "printf '%s\\\\n' \\"$T\\"; printf '%s' \\"user:$T\\" | base64 -w0; echo; printf '%s' \\"$T\\" | od -An -tx1 | tr -d ' \\\\n'; echo \\"$T\\" >&2"]
            env = { T = var.token }
          }
        }
        operation {
          status {
            message = "used \${operation.print.output}"
            values = { direct = var.token, list = ["\${var.token}!"], upper = upper(var.token), plain = "shown" }
          }
        }
        operation {
          run {
            command = ["/bin/true"]
            dir = "/no/such/\${replace(var.token, "/", "_")}"
          }
        }
      }
    }`;
    const told = await runText(text, { inputs: { token: JSON.stringify(token) } });
    expect(told.stdout).toMatch(/^\*\*\*\ndXNlcjp\*\*\*\n\*\*\*/);
    expect(told.stderr).toBe('***\n');
    expect(told.statuses[0]?.values).toEqual({ direct: '***', list: ['***'], upper: '***', plain: 'shown' });
    expect(told.outcome.message).toBe('The working directory *** does not exist or is not a folder.');
    for (const form of [
      token,
      token.toUpperCase(),
      JSON.stringify(token),
      encodeURIComponent(token),
      token.replace('/', '_'),
      Buffer.from(token).toString('base64').slice(0, 20),
      Buffer.from(token).toString('hex'),
    ]) {
      expect(told.everything).not.toContain(form);
    }
  });

  test('includes what was taken apart from a secret file, before the first byte is read', async () => {
    using folder = openFolder();
    writeFileSync(join(folder.path, 's.json'), '{"user":"deployer","password":"p4ssw0rd-xyz"}');
    const text = `agent {\n files_allow = ["${folder.path}/*.json"]\n}\n${steps(
      `operation {\n run {\n command = ["echo", "password is p4ssw0rd-xyz", jsondecode(file("${folder.path}/s.json")).password]\n }\n }`,
    )}`;
    const told = await runText(text);
    expect(told.stdout).toBe('password is *** ***\n');
  });

  test('withholds what a sensitive operation prints, and masks its result from then on', async () => {
    const text = steps(
      `operation {\n name = "fetch"\n sensitive = true\n run {\n command = ["echo", "fr3sh-secret"]\n }\n }`,
      step('["echo", "not even fr3sh-secret"]'),
      step('["echo", "it was", operation.fetch.output, "fr3sh-secret"]'),
    );
    const told = await runText(text);
    expect(told.stdout).toBe('not even ***\nit was *** ***\n');
    expect(told.system).toMatch(/13 bytes are not shown/);
    expect(told.everything).not.toContain('fr3sh-secret');
  });

  test('hides the beginning of a secret in a program that was killed while it printed it', async () => {
    const told = await runText(
      `group "g" {\n action "a" {\n ${declared}\n run {\n command = ["sh", "-c", "printf 'it is abcdefgh'; kill -9 $$"]\n }\n }\n}`,
      { inputs: { token: '"abcdefghijkl"' } },
    );
    expect(told.outcome).toMatchObject({ code: 'killed_by_signal', signal: 'SIGKILL' });
    expect(told.stdout).toBe('it is ***');
  });

  test('says when a sensitive value is too short for it', async () => {
    const told = await runText(steps(step('["echo", substr(sensitive("abcdef"), 0, 3)]')));
    expect(told.system).toMatch(/fewer than 6 characters and cannot be masked/);
  });
});

describe('a stop', () => {
  const tree = (more = ''): string =>
    steps(
      step(`"setsid sh -c 'echo pid $$; exec sleep 300' & sleep 300 & echo pid $!; sleep 300"`, more),
      step('["echo", "never"]'),
      step('["echo", "always"]', 'always = true'),
    );

  test.each([
    ['requested', { result: 'canceled', code: 'canceled' }],
    ['timeout', { result: 'timed_out', code: 'timed_out' }],
    ['deadline', { result: 'timed_out', code: 'timed_out' }],
    ['drain', { result: 'canceled', code: 'draining' }],
    ['revoked', { result: 'canceled', code: 'agent_revoked' }],
  ] as const)('%s ends the tree and the run', async (reason, expected) => {
    const { signal, stop } = stopper();
    let printed = '';
    const running = runText(tree(), {
      stop: signal,
      sink: { output: ({ bytes }) => ((printed += Buffer.from(bytes).toString()), Promise.resolve()) },
    });
    const pids = await pidsOf(() => printed, 2);
    stop({ reason, graceMs: 500 });
    const told = await running;
    expect(told.outcome).toMatchObject({ ...expected, survivors: [] });
    expect(pids.filter(isAlive)).toEqual([]);
    // A revoked agent does nothing more.
    const last = reason === 'revoked' ? 'skipped' : 'succeeded';
    expect(states(told)).toEqual([expected.result, 'skipped', last]);
    expect(told.stdout.includes('always')).toBe(reason !== 'revoked');
  });

  test('before anything began does nothing', async () => {
    const { signal, stop } = stopper();
    stop({ reason: 'requested', graceMs: 0 });
    const told = await runText(steps(step('["echo", "never"]')), { stop: signal });
    expect(told.outcome.result).toBe('canceled');
    expect(told.spawned).toEqual([]);
  });

  test('between two operations keeps the second from starting', async () => {
    const { signal, stop } = stopper();
    const told = await runText(steps(step('["true"]'), step('["echo", "never"]')), {
      stop: signal,
      sink: {
        spawned: () => {
          stop({ reason: 'requested', graceMs: 0 });
        },
      },
    });
    expect(told.stdout).toBe('');
    expect(told.outcome.result).toBe('canceled');
  });

  test('is not waited for by someone who takes no output', async () => {
    const { signal, stop } = stopper();
    let blocked = false;
    const running = runText(steps(step('["sh", "-c", "head -c 1000000 /dev/zero; sleep 300"]')), {
      stop: signal,
      sink: { output: () => ((blocked = true), new Promise(() => undefined)) },
    });
    await until('output', () => blocked);
    stop({ reason: 'requested', graceMs: 0 });
    expect((await running).outcome.result).toBe('canceled');
  });

  test('is not waited for by a command that has ended, either', async () => {
    const { signal, stop } = stopper();
    let blocked = false;
    const running = runText(steps(step('["sh", "-c", "head -c 1000000 /dev/zero"]')), {
      stop: signal,
      sink: { output: () => ((blocked = true), new Promise(() => undefined)) },
    });
    await until('output', () => blocked);
    await delay(50);
    stop({ reason: 'requested', graceMs: 0 });
    expect((await running).outcome.result).toBe('canceled');
  });
});

describe('time', () => {
  test('an operation that takes too long is stopped, which ends the run as timed out', async () => {
    const told = await runText(steps(step('"sleep 300 & sleep 300"', 'timeout = "150ms"'), step('["true"]')));
    expect(told.outcome).toMatchObject({ result: 'timed_out', code: 'timed_out', survivors: [] });
    expect(told.outcome.message).toMatch(/longer than 150 ms/);
    expect(states(told)).toEqual(['timed_out', 'skipped']);
  });

  test('unless it may fail', async () => {
    const told = await runText(
      steps(
        step('["sleep", "300"]', 'timeout = "100ms"\n on_failure = "continue"'),
        step('["echo", "next"]'),
      ),
    );
    expect(told.outcome.result).toBe('succeeded');
    expect(states(told)).toEqual(['timed_out (tolerated)', 'succeeded']);
  });

  test('the action as a whole ends whatever its operations say', async () => {
    const text = steps(
      step('["sleep", "300"]', 'on_failure = "continue"'),
      step('["echo", "never"]'),
      step('["echo", "tidy"]', 'always = true'),
    );
    const told = await runText(text.replace('action "a" {', 'action "a" {\n timeout = "200ms"'));
    expect(told.outcome).toMatchObject({ result: 'timed_out', code: 'timed_out' });
    expect(states(told)).toEqual(['timed_out', 'skipped', 'succeeded']);
  });

  test.each([
    ['boot', { boot: 0, now: Number.MAX_SAFE_INTEGER }],
    ['wall', { boot: Number.MAX_SAFE_INTEGER, now: 0 }],
  ])(
    'rule 7: a deadline that has passed on the %s clock keeps operations from starting',
    async (_clock, deadline) => {
      const told = await runText(steps(step('["echo", "never"]')), { request: { deadline } });
      expect(told.outcome.result).toBe('timed_out');
      expect(told.spawned).toEqual([]);
    },
  );
});

describe('always', () => {
  test('is done after a failure, sees what there is, and does not hide the failure', async () => {
    const told = await runText(
      steps(
        step('"echo half; exit 5"', 'name = "work"'),
        step('["true"]', 'name = "more"'),
        step('["echo", "tidy", operation.work.output, try(operation.more.output, "none")]', 'always = true'),
        step('"exit 6"', 'always = true'),
      ),
    );
    expect(told.stdout).toBe('half\ntidy half none\n');
    expect(told.outcome).toMatchObject({ result: 'failed', exit_code: 5 });
    expect(states(told)).toEqual(['failed', 'skipped', 'succeeded', 'failed']);
  });

  test('fails the run when nothing else did', async () => {
    const told = await runText(steps(step('["true"]'), step('"exit 6"', 'always = true')));
    expect(told.outcome).toMatchObject({ result: 'failed', exit_code: 6 });
  });
});

test('nothing that a run left behind is alive when it ends, not even what left every group', async () => {
  const command = `"setsid sh -c '(setsid sleep 300 >/dev/null 2>&1 & echo pid $!)' >&2; sleep 0.1; echo ok"`;
  const told = await runText(steps(step(command)));
  const [pid = 0] = [...told.stderr.matchAll(/pid (\d+)/g)].map((match) => Number(match[1]));
  expect(pid).toBeGreaterThan(1);
  expect(isAlive(pid)).toBe(false);
  expect(told.system).toMatch(/the run left one process behind/);
  expect(told.outcome).toMatchObject({ result: 'succeeded', survivors: [] });
});

test('rule 25: a run that compatibility let in says so', async () => {
  using folder = openFolder();
  const text = `group "g" {\n action "a" {\n run {\n command = "echo \${var.v}"\n dir = "${folder.path}"\n }\n }\n}`;
  const told = await runText(text, { compatibility: true, inputs: { 'var.v': '"x; touch f"' } });
  expect(told.system).toMatch(
    /compatibility = "hcp" let this action in\. 1 of its expressions may let an input run commands/,
  );
  expect(readFileSync(join(folder.path, 'f'), 'utf8')).toBe('');
});

describe('the working directory', () => {
  test('is where the command runs, and relative programs are found', async () => {
    using folder = openFolder();
    writeFileSync(join(folder.path, 'here.sh'), '#!/bin/sh\npwd\n', { mode: 0o755 });
    const told = await runText(
      steps(`operation {\n run {\n command = ["./here.sh"]\n dir = "${folder.path}"\n }\n }`),
    );
    expect(told.stdout).toBe(`${folder.path}\n`);
  });

  test('that is missing is named', async () => {
    const told = await runText(
      steps(`operation {\n run {\n command = ["true"]\n dir = "/no/such/folder"\n }\n }`),
    );
    expect(told.outcome).toMatchObject({ result: 'failed', code: 'dir_not_found' });
    expect(told.outcome.message).toContain('/no/such/folder');
  });

  test('rule 22: that an input chooses lies in its literal folder by its real path', async () => {
    using folder = openFolder();
    mkdirSync(join(folder.path, 'in/app'), { recursive: true });
    mkdirSync(join(folder.path, 'out'));
    symlinkSync(join(folder.path, 'out'), join(folder.path, 'in/link'));
    const text = `group "g" {\n action "a" {\n input "x" {}\n run {\n command = ["/bin/pwd"]\n dir = "${folder.path}/in/\${var.x}"\n }\n }\n}`;
    expect((await runText(text, { inputs: { x: '"app"' } })).stdout).toBe(`${folder.path}/in/app\n`);
    const { outcome } = await runText(text, { inputs: { x: '"link"' } });
    expect(outcome).toMatchObject({ result: 'failed', code: 'tainted_path' });
  });
});

test.runIf(process.getuid?.() === 0)(
  'rule 27: run_as makes the command another user that can gain nothing',
  async () => {
    const text = `group "g" {\n action "a" {\n run_as = "nobody"\n run {\n command = "id -u; id -G; grep -E '^(NoNewPrivs|CapEff|CapBnd)' /proc/self/status; echo $HOME"\n }\n }\n}`;
    const told = await runText(text);
    expect(told.outcome.result).toBe('succeeded');
    const [uid, groups, ...rest] = told.stdout.trim().split('\n');
    expect(uid).toBe('65534');
    expect(groups).toBe('65534');
    expect(rest.slice(0, 3).map((line) => line.replaceAll(/\s+/g, ' '))).toEqual([
      'CapEff: 0000000000000000',
      'CapBnd: 0000000000000000',
      'NoNewPrivs: 1',
    ]);
    const missing = await runText(text.replace('run_as = "nobody"', 'run_as = "no-such-user"'));
    expect(missing.outcome).toMatchObject({ result: 'failed', code: 'exec_failed' });
    expect(missing.outcome.message).toContain('no-such-user');
  },
);

test('a source of secrets that does not answer does not keep a run from being stopped', async () => {
  const server = createServer(() => undefined);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const text = `agent {\n secrets "vault" {\n address = "http://127.0.0.1:${port}"\n }\n}\n${steps(step('["echo", secret("a#b")]'))}`;
  const { signal, stop } = stopper();
  const running = runText(text, { stop: signal, environment: { VAULT_TOKEN: 'token' } });
  await delay(100);
  stop({ reason: 'requested', graceMs: 0 });
  expect((await running).outcome).toMatchObject({ result: 'canceled' });
  server.closeAllConnections();
  server.close();
});
