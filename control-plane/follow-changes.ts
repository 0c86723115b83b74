// Wires what changes of authorities to those that live by them: our own certificate, and the agents that are connected.
import type { FastifyBaseLogger } from 'fastify';
import { followAuthorities } from './agents/follow-authorities.ts';
import type { AgentConnection, ChannelClock } from './channel/contract.ts';
import { keepCurrent } from './pki/keep-current.ts';
import type { Pki } from './pki/open-pki.ts';
import { readTopic, topicOf } from './store/hints.ts';
import type { Hints } from './store/hints.ts';

export interface FollowChangesDeps {
  readonly log: FastifyBaseLogger;
  readonly hints: Hints;
  readonly pki: Pki;
  readonly clock: ChannelClock;
  readonly certificate: { replace(): Promise<void> };
  readonly online: () => Iterable<AgentConnection>;
}

/** What other processes change of the authorities arrives too, and what runs out is said in time. */
export function followChanges({ log, hints, pki, clock, certificate, online }: FollowChangesDeps): {
  stop(): void;
} {
  const follower = followAuthorities({ pki, clock, online });
  pki.onChange(() => {
    // Whoever has them already finds nothing new, and tells nobody.
    hints.hint(topicOf('authorities', ''));
    void certificate.replace();
    follower.changed();
  });
  const failed = (cause: unknown): void =>
    log.error({ err: cause }, 'the authorities could not be looked at; it is tried again');
  const stopHearing = hints.onHint((topic) => {
    if (topic === null || readTopic(topic)?.kind === 'authorities') pki.refreshIfChanged().catch(failed);
  });
  const keeper = keepCurrent({
    pki,
    clock,
    warn: ({ authority, notAfter, message }) =>
      log.warn({ kind: 'authority_ends', authority, not_after: notAfter }, message),
    failed,
  });
  return {
    stop() {
      stopHearing();
      keeper.stop();
      follower.stop();
    },
  };
}
