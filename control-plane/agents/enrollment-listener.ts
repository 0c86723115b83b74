// The enrolment listener: server-authenticated TLS for those that have no certificate yet. `POST /enroll` and
// `POST /recover`, nothing else.
import { createServer } from 'node:https';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { enrollSchema, recoverSchema } from '../../protocol/api/enrollment.ts';
import type { Identity } from '../../protocol/api/enrollment.ts';
import { Failure } from '../../protocol/failures.ts';
import { enrollBodyBytesMax, enrollRequestsPerMinuteMax, handshakeMsMax } from '../../protocol/limits.ts';
import type { ChannelReport, ListenerTls } from '../channel/contract.ts';
import { answerFailure, answerJson, asFailure, readBody } from '../channel/exchange.ts';
import { listen, urlHost } from '../channel/listen.ts';
import { serverTls } from '../channel/secure-context.ts';
import type { AgentsDeps } from './contract.ts';
import { enrollAgent } from './enroll.ts';
import { limitRate } from './rate.ts';
import { recoverAgent } from './recover.ts';

export interface EnrollmentOptions {
  readonly host: string;
  /** 0 = any free port. */
  readonly port: number;
  /** The chain goes up to the root, so that an agent can compare it with the pin of its token. */
  readonly tls: ListenerTls;
  /** Read at each request, because its URLs are known only when the listeners are open. */
  readonly deps: () => AgentsDeps;
  readonly report: (report: ChannelReport) => void;
  readonly requestsPerMinuteMax?: number;
}

export interface EnrollmentListener {
  readonly port: number;
  /** `https://host:port` with the address that it listens on. */
  readonly url: string;
  replaceTls(tls: ListenerTls): void;
  close(): Promise<void>;
}

/** Rejects with `port_in_use` or `invalid_configuration`. */
export async function openEnrollment(options: EnrollmentOptions): Promise<EnrollmentListener> {
  const { host, deps, report } = options;
  const rate = limitRate(options.requestsPerMinuteMax ?? enrollRequestsPerMinuteMax);
  const server = createServer({
    ...serverTls(options.tls),
    handshakeTimeout: handshakeMsMax,
    headersTimeout: handshakeMsMax,
    requestTimeout: handshakeMsMax,
    connectionsCheckingInterval: handshakeMsMax,
  });
  const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const remoteAddress = request.socket.remoteAddress ?? '';
    try {
      if (!rate.take(remoteAddress, deps().clock.now())) throw tooMany();
      answerJson(response, 200, await identityFor(deps(), request, remoteAddress));
    } catch (cause) {
      const failure = asFailure(cause);
      report(reportOf(failure, remoteAddress));
      answerFailure(response, failure);
    }
  };
  server.on('request', (request, response) => void answer(request, response));
  server.on('clientError', (_cause, socket) => socket.destroy());
  const port = await listen(server, { host, port: options.port, purpose: 'enrolment' });
  return {
    port,
    url: `https://${urlHost(host)}:${port}`,
    replaceTls: (tls) => server.setSecureContext(serverTls(tls)),
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

async function identityFor(
  deps: AgentsDeps,
  request: IncomingMessage,
  remoteAddress: string,
): Promise<Identity> {
  if (request.url !== '/enroll' && request.url !== '/recover') {
    throw new Failure('not_found', 'There is /enroll and /recover.');
  }
  if (request.method !== 'POST') throw new Failure('method_not_allowed', 'Enrolment is a POST.');
  if (request.url === '/enroll') {
    const body = await readBody(request, { schema: enrollSchema, bytesMax: enrollBodyBytesMax });
    return enrollAgent(deps, body, remoteAddress);
  }
  const body = await readBody(request, { schema: recoverSchema, bytesMax: enrollBodyBytesMax });
  return recoverAgent(deps, body, remoteAddress);
}

function tooMany(): Failure {
  return new Failure(
    'too_many_requests',
    'Too many requests came from this address. Try again in a minute.',
    {
      details: { retry_after_ms: 60_000 },
    },
  );
}

function reportOf(failure: Failure, remoteAddress: string): ChannelReport {
  const { code, message, cause } = failure;
  return {
    kind: 'request_refused',
    code,
    message,
    agentId: null,
    organization: null,
    remoteAddress,
    ...(cause === undefined ? {} : { cause }),
  };
}
