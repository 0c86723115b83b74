// `POST /renew` on the agent listener: the certificate that is still good vouches for the next one.
import type { IncomingMessage, ServerResponse } from 'node:http';
import { renewSchema } from '../../protocol/api/enrollment.ts';
import { Failure } from '../../protocol/failures.ts';
import { enrollBodyBytesMax } from '../../protocol/limits.ts';
import { admitPeer, refusalOf } from './admit.ts';
import type { ChannelHandlers, ChannelOptions, ChannelReport } from './contract.ts';
import { answerFailure, answerJson, asFailure, readBody } from './exchange.ts';

export interface RenewalDeps {
  readonly trustDomain: string;
  readonly issuerOf: ChannelOptions['issuerOf'];
  readonly handlers: Pick<ChannelHandlers, 'renew'>;
  readonly report: (report: ChannelReport) => void;
}

/** Answers every request that is not an upgrade. Its promise is never rejected. */
export async function answerRequest(
  deps: RenewalDeps,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  try {
    if (request.url !== '/renew')
      throw new Failure('not_found', 'There is /agent for WebSockets and /renew.');
    if (request.method !== 'POST') throw new Failure('method_not_allowed', 'Renewal is a POST.');
    const { identity, certificate, remoteAddress } = await admitPeer(request, deps);
    const body = await readBody(request, { schema: renewSchema, bytesMax: enrollBodyBytesMax });
    const answer = await deps.handlers.renew(identity, certificate, body, remoteAddress);
    if (answer instanceof Failure) throw answer;
    answerJson(response, 200, answer);
  } catch (cause) {
    const failure = asFailure(cause);
    deps.report(refusalOf(request, failure, deps.trustDomain));
    answerFailure(response, failure);
  }
}
