// The steps of the demo. Each does something through the command line or the API, and then looks whether it
// happened; `broken` sabotages it, and the look must notice.
import { readFile } from 'node:fs/promises';
import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ChildProcess } from 'node:child_process';
import type { Action } from '../../protocol/api/operations.ts';
import type { RunEvent } from '../../protocol/api/runs.ts';
import { isFinal } from '../../protocol/states.ts';
import { firstByteMs, percentile } from './latency.ts';
import { agentStatus, api, observe, processesOf, readRun, startRun, until } from './observe.ts';
import type { Stage } from './stage.ts';

export interface Scene {
  readonly stage: Stage;
  readonly broken: boolean;
  /** The running agent, for the step that kills it. */
  agent: ChildProcess | null;
  readonly say: (line: string) => void;
}

export interface DemoStep {
  readonly title: string;
  readonly act: (scene: Scene) => Promise<void>;
}

const secret = `sesame-${randomBytes(9).toString('base64url')}`;

export const steps: readonly DemoStep[] = [
  { title: 'an agent dials out, enrols with a one-time token, and is online', act: enrol },
  { title: 'what its file defines becomes buttons', act: publish },
  { title: 'a press is queued, offered, running; output streams, the secret is masked', act: greet },
  { title: 'a private service gets the secret header that only the agent has', act: promote },
  { title: 'a multi-step action stops at its first failure', act: stopAtFailure },
  { title: 'a cancel leaves nothing of the process tree', act: cancelTree },
  { title: 'kill -9 of the agent in mid-run ends in an honest indeterminate', act: killAgent },
  { title: 'how long from the press to the first byte', act: measure },
];

async function enrol(scene: Scene): Promise<void> {
  const { stage, say } = scene;
  const login = await stage.wayside(['login', '--token-file', '-'], stage.server.token);
  observe(login.code === 0, `wayside login signs in: ${login.stderr}`);
  await stage.wayside(['group', 'create', 'demo']);
  const made = await stage.wayside(['--json', 'group', 'token', 'demo']);
  const { token } = JSON.parse(made.stdout) as { token: string };
  const shown = scene.broken ? `${token.slice(0, 12)}x${token.slice(13)}` : token;
  const enrolled = await stage.agentCommand(
    ['enroll', '--server', stage.server.enroll_url, '--name', 'basement'],
    shown,
  );
  observe(enrolled.code === 0, `the agent enrols: ${enrolled.stderr.trim()}`);
  const again = await stage.agentCommand(
    ['enroll', '--server', stage.server.enroll_url, '--name', 'attic'],
    token,
  );
  observe(again.code !== 0, 'the token works once only');
  say('enrolled as basement; the same token a second time was refused');
  scene.agent = await stage.startAgent();
  await until('the agent is online', 15_000, async () =>
    (await agentStatus(stage)) === 'online' ? true : null,
  );
  say('basement is online');
}

async function publish({ stage, broken, say }: Scene): Promise<void> {
  if (broken) await stage.wayside(['group', 'create', 'nobody']);
  await stage.wayside(['action', 'create', '--publish-all', broken ? 'nobody' : 'demo']);
  const { items } = await api<{ items: Action[] }>(stage, 'GET', '/v1/projects/default/actions');
  const names = items.map((action) => action.name).sort();
  observe(
    names.join(' ') === 'greet ping pipeline promote soak',
    `five actions exist, not: ${names.join(' ')}`,
  );
  say(`buttons: ${names.join(', ')}`);
}

async function greet({ stage, broken, say }: Scene): Promise<void> {
  const stored = await stage.wayside(
    ['variable', 'set', 'token', '--sensitive', '--action', 'greet', '--value-file', '-'],
    secret,
  );
  observe(stored.code === 0, `the secret is stored: ${stored.stderr}`);
  const inputs = ['--input', 'name=Ada', ...(broken ? ['--input', 'reveal=false'] : [])];
  const live = stage.waysideLive(['--json', 'run', 'start', 'greet', '--follow', ...inputs]);
  const states: string[] = [];
  const arrivals: number[] = [];
  let output = '';
  let ended = 0;
  for await (const line of live.lines) {
    const event = JSON.parse(line) as RunEvent | { kind: 'run' };
    if (event.kind === 'state') {
      states.push(event.state);
      if (isFinal(event.state)) ended = performance.now();
      say(event.state);
    }
    if (event.kind === 'output') {
      const text = Buffer.from(event.bytes, 'base64').toString();
      arrivals.push(performance.now());
      output += text;
      for (const printed of text.trimEnd().split('\n')) say(`  | ${printed}`);
    }
  }
  observe(
    states.join(' ') === 'queued offered running succeeded',
    `every state was seen, not: ${states.join(' ')}`,
  );
  observe((output.match(/hello Ada/g) ?? []).length === 3, 'three greetings were printed');
  observe(
    arrivals.length > 1 && ended - (arrivals[0] ?? ended) > 300,
    'the first came while the command still ran',
  );
  observe(output.includes('the token is ') && output.includes('*'), 'the token was printed, masked');
  const forms = [secret, Buffer.from(secret).toString('base64').replaceAll('=', '')];
  observe(!forms.some((form) => output.includes(form)), 'the token itself is nowhere in the output');
}

async function promote({ stage, say }: Scene): Promise<void> {
  const run = await stage.wayside([
    '--json',
    'run',
    'start',
    'promote',
    '--input',
    'version=v1.2.3',
    '--follow',
  ]);
  observe(run.code === 0, 'the run succeeds');
  const answer = await fetch(`http://127.0.0.1:${stage.servicePort}/proof`);
  const { accepted } = (await answer.json()) as { accepted: string[] };
  observe(accepted.includes('POST /promote/v1.2.3'), 'the service accepted the request with the true header');
  const bare = await fetch(`http://127.0.0.1:${stage.servicePort}/promote/v1.2.3`, { method: 'POST' });
  observe(bare.status === 401, 'without the header it refuses');
  const actions = await api<unknown>(stage, 'GET', '/v1/projects/default/actions');
  observe(
    !JSON.stringify(actions).includes(String(stage.servicePort)),
    'the control plane does not know the address',
  );
  say(`the service accepted ${accepted.join(', ')}; without the header it answers 401`);
}

async function stopAtFailure({ stage, broken, say }: Scene): Promise<void> {
  const inputs = broken ? ['--input', 'healthy=true'] : [];
  const run = await stage.wayside(['run', 'start', 'pipeline', '--follow', ...inputs]);
  observe(run.code === 3, `the exit code is the failing command's own, 3, not ${String(run.code)}`);
  const ledger = await readFile(stage.ledger, 'utf8');
  observe(ledger === 'build\n', `only the first step left its line: ${JSON.stringify(ledger)}`);
  observe(run.stdout.includes('the pipeline is over'), 'the step marked `always` ran all the same');
  say('build succeeded, test failed with 3, deploy was skipped, notify ran; exit code 3');
}

async function cancelTree({ stage, broken, say }: Scene): Promise<void> {
  const { id } = await startRun(stage, 'soak');
  const before = await until('its processes run', 10_000, async () => {
    const found = await processesOf(id);
    return found.length >= 3 ? found : null;
  });
  say(`processes ${before.join(' ')}, one of them in a session of its own`);
  if (!broken) await stage.wayside(['run', 'cancel', id]);
  await until('the run is canceled', broken ? 2_000 : 15_000, async () =>
    (await readRun(stage, id)).state === 'canceled' ? true : null,
  );
  const after = await processesOf(id);
  observe(after.length === 0, `nothing is left of them: ${after.join(' ')}`);
  say('canceled; the process table has none of them');
}

async function killAgent(scene: Scene): Promise<void> {
  const { stage, say, agent } = scene;
  if (agent === null) throw new Error('there is no agent to kill');
  const { id } = await startRun(stage, 'soak');
  await until('its processes run', 10_000, async () => ((await processesOf(id)).length >= 3 ? true : null));
  agent.kill(scene.broken ? 'SIGTERM' : 'SIGKILL');
  await new Promise((resolve) => {
    if (agent.exitCode !== null || agent.signalCode !== null) resolve(null);
    agent.once('exit', resolve);
  });
  say(scene.broken ? 'the agent was asked to leave' : 'the agent is dead');
  scene.agent = await stage.startAgent();
  const run = await until('the run has a verdict', 15_000, async () => {
    const now = await readRun(stage, id);
    return isFinal(now.state) ? now : null;
  });
  observe(run.state === 'indeterminate', `the verdict is indeterminate, not ${run.state}`);
  await until('nothing is left of its processes', 5_000, async () =>
    (await processesOf(id)).length === 0 ? true : null,
  );
  say(`${run.state}: ${run.outcome?.message ?? run.failure?.message ?? ''}`);
  await sleep(500);
  observe((await readRun(stage, id)).attempt === run.attempt, 'it was not started again');
}

async function measure({ stage, broken, say }: Scene): Promise<void> {
  const inputs = broken ? { delay: 1 } : {};
  await firstByteMs(stage, 'ping', inputs);
  const samples: number[] = [];
  for (let i = 0; i < (broken ? 2 : 20); i += 1) samples.push(await firstByteMs(stage, 'ping', inputs));
  const p50 = percentile(samples, 0.5);
  say(`${samples.length} presses: p50 ${p50.toFixed(1)} ms, slowest ${percentile(samples, 1).toFixed(1)} ms`);
  observe(p50 < 500, 'the first byte comes well within half a second');
}
