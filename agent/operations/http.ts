// Sends one request from the private network (R5): only to allowed addresses, within limits of time and size, and
// judged by its status. Redirects are followed only as often as the file asks.
import { countValue, mapValue, objectValue, SENSITIVE, STRING, stringValue } from '../../hcl/values.ts';
import type { Value } from '../../hcl/values.ts';
import { Failure } from '../../protocol/failures.ts';
import { pipeDrainMs } from '../../protocol/limits.ts';
import type { Clock } from '../contract.ts';
import { compilePolicy } from '../network-policy.ts';
import type { HttpPlan } from '../plan/operation-plan.ts';
import { settlesWithin } from '../settle.ts';
import type { ConnectOptions } from './http/connect.ts';
import { explainError } from './http/explain.ts';
import { followRedirect } from './http/redirect.ts';
import type { HttpRequest } from './http/redirect.ts';
import { sendRequest } from './http/send.ts';
import type { Answer } from './http/send.ts';
import { readTls } from './http/tls.ts';
import { failedBy, foreignText, nothing, whenHalted } from './operation.ts';
import type { Halt, OperationContext, OperationEnd } from './operation.ts';

/** Never throws for what happens on the network. */
export async function runHttp(plan: HttpPlan, context: OperationContext): Promise<OperationEnd> {
  const { halt, clock } = context;
  using late = startTimer(plan.timeoutMs, clock);
  const { halted, forget } = whenHalted(halt);
  const signal = AbortSignal.any([halt, late.signal]);
  const work = exchange(plan, { context, signal });
  try {
    const first = await Promise.race([work, halted, late.passed]);
    if (!('graceMs' in first)) return first;
    // It was aborted: what it has begun to say may be said, but nobody waits long for that.
    await settlesWithin(work, { ms: pipeDrainMs, clock });
    const { result, code, message } = first;
    return { ...nothing, result, code, message };
  } finally {
    forget();
  }
}

interface Timer extends Disposable {
  readonly signal: AbortSignal;
  readonly passed: Promise<Halt>;
}

function startTimer(ms: number, clock: Clock): Timer {
  const late = new AbortController();
  const done = new AbortController();
  const { promise, resolve } = Promise.withResolvers<Halt>();
  const pass = (): void => {
    const message = `There was no complete answer within ${ms} ms.`;
    resolve({ result: 'timed_out', code: 'timed_out', message, graceMs: 0 });
    late.abort();
  };
  clock.sleep(ms, done.signal).then(pass, () => undefined);
  return {
    signal: late.signal,
    passed: promise,
    [Symbol.dispose]: () => {
      done.abort();
    },
  };
}

async function exchange(
  plan: HttpPlan,
  { context, signal }: { readonly context: OperationContext; readonly signal: AbortSignal },
): Promise<OperationEnd> {
  let request = firstRequest(plan);
  try {
    const connect = await connectOptions(plan, context);
    for (let followed = 0; ; followed += 1) {
      const step = await sendRequest(request, { plan, context, signal, connect });
      if (step.kind === 'answer') return endOf(step, plan);
      if (followed === plan.followRedirects) {
        throw new Failure('too_many_redirects', `There were more than ${plan.followRedirects} redirects.`);
      }
      request = followRedirect(request, step);
    }
  } catch (error) {
    return failedBy(explainError(error, request.url));
  }
}

/** User and password of the URL become a header, as browsers and curl do it. */
function firstRequest(plan: HttpPlan): HttpRequest {
  const url = new URL(plan.url.value);
  const headers = plan.headers.map(({ name, value }): readonly [string, string] => [name, value.value]);
  if (url.username !== '' && !headers.some(([name]) => name.toLowerCase() === 'authorization')) {
    const user = `${decoded(url.username)}:${decoded(url.password)}`;
    headers.push(['Authorization', `Basic ${Buffer.from(user).toString('base64')}`]);
  }
  url.username = '';
  url.password = '';
  url.hash = '';
  return {
    method: plan.method,
    url,
    headers,
    body: plan.body?.value ?? null,
    bodyIsSensitive: ((plan.body?.marks ?? 0) & SENSITIVE) !== 0,
    isFirstOrigin: true,
  };
}

async function connectOptions(
  plan: HttpPlan,
  { settings, host, deniedTargets }: OperationContext,
): Promise<ConnectOptions> {
  return {
    policy: compilePolicy(settings.network.allow, { deny: deniedTargets }),
    proxy: plan.proxy,
    tls: await readTls(plan.tls, settings.network.caFile),
    resolve: host.resolve,
  };
}

function endOf(answer: Answer, { expect }: HttpPlan): OperationEnd {
  const { status } = answer;
  const body = foreignText(answer.body);
  const headers = [...answer.headers].map(([name, value]): readonly [string, Value] => [
    name,
    stringValue(value),
  ]);
  const response = objectValue([
    ['status', countValue(status)],
    ['headers', mapValue(headers, STRING)],
    ['body', body],
  ]);
  const ended = {
    ...nothing,
    httpStatus: status,
    values: new Map<string, Value>([
      ['response', response],
      ['output', body],
    ]),
  };
  if (expect.status.some(({ from, to }) => status >= from && status <= to))
    return { ...ended, result: 'succeeded' };
  const wanted = expect.status
    .map(({ from, to }) => (from === to ? `${from}` : `${from} to ${to}`))
    .join(', ');
  return {
    ...ended,
    result: 'failed',
    code: 'unexpected_status',
    message: `The answer has the status ${status}; expected was ${wanted}.`,
  };
}

/** What is not a percent-encoded text stands for itself. */
function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
