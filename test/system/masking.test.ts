// Whatever a command does with a secret, nothing of it is on the wire, on a disk, in a log or in an answer. The oracle
// searches bytes: decrypted frames, whole folders, whole logs.
import { createServer } from 'node:http';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import type { Run } from '../../protocol/api/runs.ts';
import { runCli } from '../support/cli.ts';
import { openFrameRecorder, serverCertificateOf } from '../support/frame-recorder.ts';
import type { FrameRecorder } from '../support/frame-recorder.ts';
import { filesBelow, found, needlesOf } from '../support/secret-hunt.ts';
import type { Needle } from '../support/secret-hunt.ts';
import { outputOf, shell, System, until } from '../support/system.ts';
import type { AgentProcess } from '../support/system.ts';

vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 });

const word = (): string => randomBytes(9).toString('base64url');
const secrets = {
  variable: `var-${word()}-q"uo\\te/ü`,
  input: `inp ${word()} &=?+`,
  environment: `env-${word()}`,
  file: `-----BEGIN KEY-----\nline-${word()}\nline-${word()}\n-----END KEY-----`,
  derived: '',
};
secrets.derived = secrets.environment.toUpperCase();
/** Not secret: it must be found wherever a secret is looked for, or the search means nothing. */
const marker = `marker-${word()}`;

let system: System;
let recorder: FrameRecorder;
let agent: AgentProcess;
let echo: Server;
let needles: readonly Needle[];
const runs: Run[] = [];
/** Everything that the API and the command line answered. */
const answers: string[] = [];

beforeAll(async () => {
  needles = needlesOf({ ...secrets, 'the head of the file': '-----BEGIN KEY-----' }).filter(
    // The armour of a key is no secret of its own.
    ({ secret, text }) => secret !== 'the head of the file' && !/^-----(BEGIN|END) KEY-----$/.test(text),
  );
  echo = createServer((request, response) => {
    response.end(`you sent ${JSON.stringify(request.headers)}`);
  });
  await new Promise<void>((resolve) => echo.listen(0, '127.0.0.1', resolve));
  let tls: Awaited<ReturnType<typeof serverCertificateOf>> | null = null;
  system = await System.open({
    groups: ['main'],
    options: { 'log-level': 'trace' },
    prepare: async (dataFolder) => {
      tls = await serverCertificateOf(dataFolder);
    },
  });
  if (tls === null) throw new Error('no certificate');
  recorder = await openFrameRecorder(tls, system.agentPort);
  recorder.speakFor(system.stateFolder('keeper'));
  const folder = join(system.folder, 'secrets');
  mkdirSync(folder);
  writeFileSync(join(folder, 'signing-key'), secrets.file);
  agent = await system.startAgent('keeper', {
    hcl: agentFile(folder),
    environment: { DEPLOYER_KEY: secrets.environment },
    args: ['--log-level', 'debug'],
    agentPort: recorder.port,
  });
  await system.publish();
});

afterAll(async () => {
  await system[Symbol.asyncDispose]();
  await recorder[Symbol.asyncDispose]();
  echo.close();
});

function agentFile(folder: string): string {
  const { port } = echo.address() as AddressInfo;
  const leak = `
    echo ${marker}
    for s in "$V" "$I" "$E" "$F" "$U"; do
      echo "plain $s"; echo "error $s" >&2
      printf %s "$s" | base64 -w 0; echo
      printf %s "x$s" | base64 -w 0; echo
      printf %s "xy$s" | base64 -w 0; echo
      printf %s "$s" | base64 -w 0 | tr '+/' '-_'; echo
      printf %s "$s" | dd bs=1 2> /dev/null; echo
      printf %s "$s" | head -c 7; sleep 0.15; printf %s "$s" | tail -c +8; echo
    done
    printf '%s\\n' "$J" "$Q"; echo all printed
    [ "$1" = hold ] && while [ ! -e '${system.ledger.path}.open' ]; do sleep 0.05; done
    exit "$2"`;
  const leaking = (how: string, code: number): string => `
          run {
            ${shell(leak, 'leak', how, String(code))}
            env = {
              V = var.deploy_token
              I = var.pin
              E = env("DEPLOYER_KEY")
              F = secret("signing-key")
              U = upper(env("DEPLOYER_KEY"))
              J = jsonencode({ v = var.deploy_token, i = var.pin, f = secret("signing-key") })
              Q = "\${urlencode(var.deploy_token)} \${urlencode(var.pin)} \${urlencode(secret("signing-key"))}"
            }
          }`;
  const inputs = `
        input "deploy_token" {
          sensitive = true
        }
        input "pin" {
          sensitive = true
        }`;
  return `
    agent {
      env_allow = ["DEPLOYER_KEY"]
      network {
        allow = ["127.0.0.1:${port}"]
      }
      secrets "file" {
        dir = "${folder}"
      }
    }
    group "main" {
      action "leak" {
        ${inputs}
        operation {
          name = "print"
          ${leaking('hold', 0)}
        }
        operation {
          name = "show"
          status {
            message = "${marker} \${var.deploy_token} and \${var.pin}"
            values  = { a = env("DEPLOYER_KEY"), b = [secret("signing-key")], c = { d = var.pin } }
            status  = "complete"
          }
        }
        operation {
          name = "ask"
          http {
            url     = "http://127.0.0.1:${port}/\${var.pin}"
            query   = { token = var.deploy_token }
            headers = { X-Key = env("DEPLOYER_KEY"), X-Marker = "${marker}" }
          }
        }
        output "last" {
          value = operation.print.output
        }
        output "body" {
          value = operation.ask.response.body
        }
      }
      action "fail" {
        ${inputs}
        ${leaking('go', 3)}
      }
      action "refused" {
        ${inputs}
        http {
          url     = "http://127.0.0.1:9/\${var.pin}"
          headers = { X-Key = var.deploy_token }
        }
      }
      action "undecodable" {
        ${inputs}
        run {
          command = ["echo", jsondecode(var.deploy_token)]
        }
      }
    }
  `;
}

async function keepAnswer(method: string, path: string, body?: unknown): Promise<void> {
  answers.push((await system.api(method, path, body)).text);
}

async function press(action: string): Promise<Run> {
  const run = await system.press(action, { inputs: { pin: secrets.input } });
  answers.push(JSON.stringify(run));
  runs.push(run);
  return run;
}

/** Where each secret was found, by place. */
function leaks(): readonly string[] {
  const hits: string[] = [];
  const look = (place: string, bytes: Buffer | string): void => {
    for (const hit of found(needles, Buffer.from(bytes))) hits.push(`${place}: ${hit}`);
  };
  recorder.frames.forEach(({ from, text }) => {
    const { type } = JSON.parse(text) as { type: string };
    look(`a frame ${type} of the ${from}`, text);
  });
  for (const folder of [agent.stateFolder, system.dataFolder]) {
    for (const { path, bytes } of filesBelow(folder)) look(path, bytes);
  }
  look('the log of the agent', agent.stderr() + agent.stdout());
  look('the log of the control plane', system.log());
  answers.forEach((answer) => look('an answer', answer));
  return hits;
}

describe('after runs that print every secret in every way', () => {
  test('the runs themselves had the true values', async () => {
    const stored = await runCli(
      system,
      ['variable', 'set', 'deploy_token', '--sensitive', '--value-file', '-', '--action', 'leak'],
      secrets.variable,
    );
    expect(stored.code).toBe(0);
    answers.push(stored.stdout + stored.stderr);
    for (const action of ['fail', 'refused', 'undecodable']) {
      const body = { value: secrets.variable, sensitive: true, action };
      await keepAnswer('PUT', '/v1/projects/default/variables/deploy_token', body);
    }
    const held = await press('leak');
    await until('it has printed', async () => (await system.output(held.id)).includes('all printed'));
    // While it goes on, its output is in spools and logs that are gone later.
    expect(leaks()).toEqual([]);
    writeFileSync(`${system.ledger.path}.open`, '');
    const leaked = await system.reached(held.id, ['succeeded']);
    const failed = await system.reached((await press('fail')).id, ['failed']);
    expect(failed.outcome?.exit_code).toBe(3);
    expect((await system.reached((await press('refused')).id, ['failed'])).outcome?.code).toBe(
      'address_denied',
    );
    expect((await system.reached((await press('undecodable')).id, ['failed'])).outcome?.code).toBe(
      'evaluation_failed',
    );
    expect(JSON.stringify(leaked.outcome?.outputs)).toContain(marker);
    const output = await system.output(held.id);
    expect(output.split('\n').filter((line) => /^plain \*+$/.test(line)).length).toBeGreaterThanOrEqual(4);
  });

  test('answers of the API and the command line are gathered', async () => {
    for (const { id } of runs) {
      await keepAnswer('GET', `/v1/runs/${id}`);
      await keepAnswer('GET', `/v1/runs/${id}/events?limit=1000`);
      answers.push(outputOf(await system.events(id)));
      const shown = await runCli(system, ['run', 'show', id]);
      const logs = await runCli(system, ['run', 'logs', id]);
      answers.push(shown.stdout, shown.stderr, logs.stdout, logs.stderr);
    }
    for (const path of ['runs', 'actions', 'variables', 'agents', 'groups/main/operations']) {
      await keepAnswer('GET', `/v1/projects/default/${path}`);
    }
    await keepAnswer('GET', '/v1/audit?limit=200');
    await keepAnswer('PUT', '/v1/projects/default/variables/deploy_token', {
      value: 'short',
      sensitive: true,
    });
    expect(answers.at(-1)).toContain('secret_too_short');
  });

  test('nothing of any secret is in frames, folders, logs or answers', () => {
    expect(leaks()).toEqual([]);
  });

  test('the search finds what is no secret in all of these places', () => {
    const look = [{ secret: 'marker', form: 'plain', text: marker }, ...needlesOf({ marker })];
    const finds = (bytes: Buffer | string): boolean => found(look, Buffer.from(bytes)).length > 0;
    expect(recorder.frames.some(({ from, text }) => from === 'agent' && finds(text))).toBe(true);
    expect(recorder.frames.filter(({ from }) => from === 'server').length).toBeGreaterThan(8);
    expect(filesBelow(system.dataFolder).some(({ bytes }) => finds(bytes))).toBe(true);
    expect(filesBelow(agent.stateFolder).some(({ bytes }) => finds(bytes))).toBe(true);
    expect(answers.some(finds)).toBe(true);
    expect(system.log()).toContain('Server listening');
    expect(agent.stderr()).toContain('Connected as');
  });
});
