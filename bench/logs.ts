// How many bytes a second of what a command prints come out of the agent, masked, spooled and framed: a real process
// and the agent's own execution, all but the network. The peer does what a shell script would do: it replaces one
// secret in what it reads, and frames it the same way.
import { spawn } from 'node:child_process';
import { randomBytes, randomUUIDv7 } from 'node:crypto';
import { closeSync, openSync, writeSync } from 'node:fs';
import { loadavg } from 'node:os';
import { join } from 'node:path';
import { systemClock } from '../agent/clock.ts';
import type { RunRequest } from '../agent/contract.ts';
import { createExecuteRun } from '../agent/execute.ts';
import { hostOf } from '../agent/host.ts';
import { SpoolFolder } from '../agent/spool.ts';
import { RunStream } from '../agent/stream.ts';
import { loadAgentFile } from '../hcl/agent-file/load.ts';
import { SENSITIVE, stringValue, TAINTED } from '../hcl/values.ts';
import { rounded } from './figures.ts';
import type { BenchOptions, Figures } from './figures.ts';
import { openBenchFolder } from './system.ts';

const aimMegabytes = 20;
const lineCount = 2_000;
/** One line in so many holds a secret. */
const secretEvery = 50;
const environment = { PATH: '/usr/local/bin:/usr/bin:/bin' };

/** Megabytes (10^6 bytes) a second. */
export async function benchLogs(options: BenchOptions): Promise<Figures> {
  using folder = openBenchFolder();
  const secrets = Array.from({ length: 3 }, () => `s3-${randomBytes(24).toString('base64url')}`);
  const log = join(folder.path, 'build.log');
  const bytes = writeLog(log, secrets, options.megabytes * 1_000_000);
  const bareBefore = await bareSeconds(log, secrets[0] ?? '');
  const { seconds, sent } = await agentSeconds(folder.path, log, secrets);
  const bareAfter = await bareSeconds(log, secrets[0] ?? '');
  if (secrets.some((secret) => sent.text.includes(secret))) throw new Error('a secret came through');
  const rate = bytes / 1_000_000 / seconds;
  const bareRate = bytes / 1_000_000 / ((bareBefore + bareAfter) / 2);
  return {
    megabytes: rounded(bytes / 1_000_000, 1),
    megabytes_per_second: rounded(rate, 1),
    bare_megabytes_per_second: rounded(bareRate, 1),
    frames: sent.frames,
    secrets: secrets.length,
    load: rounded(loadavg()[0] ?? 0),
    ratio: rounded(rate / bareRate, 3),
    aim_megabytes_per_second: aimMegabytes,
    holds: rate >= aimMegabytes,
  };
}

/** What a build prints: times, paths, numbers, and now and then something that must not be seen. */
function writeLog(path: string, secrets: readonly string[], bytesMin: number): number {
  const lines = Array.from({ length: lineCount }, (_, index) => {
    const secret = index % secretEvery === 0 ? ` token=${secrets[index % secrets.length] ?? ''}` : '';
    const path = `src/module-${index % 97}/part-${index}.ts`;
    return `2026-01-01T12:00:${String(index % 60).padStart(2, '0')}Z [build] compiled ${path} in ${index % 500} ms${secret}\n`;
  });
  const block = Buffer.from(lines.join(''));
  const file = openSync(path, 'w');
  let written = 0;
  while (written < bytesMin) written += writeSync(file, block);
  closeSync(file);
  return written;
}

interface Sent {
  frames: number;
  /** Of the last frames, decoded: where a secret would be seen. */
  text: string;
}

async function agentSeconds(folder: string, log: string, secrets: readonly string[]) {
  const spools = SpoolFolder.open(folder);
  const clock = systemClock();
  const run = randomUUIDv7();
  const sent: Sent = { frames: 0, text: '' };
  const stream = new RunStream({
    key: { run, attempt: 1 },
    spool: spools.create(),
    clock,
    outputBytesMax: Number.MAX_SAFE_INTEGER,
    send: (text) => {
      const frame = JSON.parse(text) as { seq: number; bytes?: string };
      sent.frames += 1;
      sent.text = Buffer.from(frame.bytes ?? '', 'base64').toString();
      // As a server does: after the frame, not in the middle of sending it.
      setImmediate(() => stream.acknowledge(frame.seq));
      return true;
    },
  });
  stream.attach(0);
  const host = hostOf({ env: environment, cwd: '/' });
  const begun = performance.now();
  const outcome = await createExecuteRun(host)(requestOf(run, log, secrets), {
    clock,
    stop: new AbortController().signal,
    sink: {
      output: (event) => stream.output(event),
      status: (event) => stream.status(event),
      progress: (event) => stream.progress(event),
      spawned: () => undefined,
    },
  });
  await stream.finish();
  const seconds = (performance.now() - begun) / 1_000;
  if (outcome.result !== 'succeeded') throw new Error(`the command ended as ${outcome.result}`);
  host.keeper.close();
  stream.remove();
  spools.close();
  return { seconds, sent };
}

function requestOf(runId: string, log: string, secrets: readonly string[]): RunRequest {
  const inputs = secrets.map((_, index) => `input "secret${index}" {\n type = string\n sensitive = true\n }`);
  const text = `group "bench" {
    action "build" {
      ${inputs.join('\n')}
      run {
        command = ["cat", ${JSON.stringify(log)}]
      }
    }
  }`;
  const { file } = loadAgentFile([{ name: 'bench.hcl', text }]);
  const action = file?.actions[0];
  if (file === null || action === undefined) throw new Error('the agent file does not load');
  const marks = TAINTED | SENSITIVE;
  return {
    action,
    settings: file.settings,
    inputs: new Map(secrets.map((secret, index) => [`secret${index}`, stringValue(secret, marks)])),
    context: {
      runId,
      attempt: 1,
      requestedBy: 'ada',
      agent: { id: runId, name: 'bench' },
      actionName: 'build',
      applicationName: null,
    },
  };
}

/** Blind to chunk borders and to every other form of the secret. */
async function bareSeconds(log: string, secret: string): Promise<number> {
  const begun = performance.now();
  const child = spawn('cat', [log], { env: environment, stdio: ['ignore', 'pipe', 'inherit'] });
  let framed = 0;
  for await (const chunk of child.stdout as AsyncIterable<Buffer>) {
    const masked = Buffer.from(chunk.toString('latin1').replaceAll(secret, '***'), 'latin1');
    framed += JSON.stringify({ type: 'output', seq: framed, bytes: masked.toString('base64') }).length;
  }
  return (performance.now() - begun) / 1_000;
}
