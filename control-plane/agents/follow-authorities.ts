// What a change of authorities asks of the agents that are connected to this process: those whose certificate is of a
// former authority are asked to renew, some at a time, and those whose authority was retired are let go.
import { closeCodes } from '../../protocol/frames.ts';
import { renewalAsksPerSecondMax } from '../../protocol/limits.ts';
import type { AgentConnection } from '../channel/contract.ts';

export interface FollowDeps {
  readonly pki: {
    authorities(): { readonly dataPlane: { readonly id: string; readonly renewsAgents: boolean } };
    isAccepted(authority: string): boolean;
  };
  readonly online: () => Iterable<AgentConnection>;
  readonly clock: { after(ms: number, wake: () => void): () => void };
}

export interface AuthorityFollower {
  /** Authorities may have changed, by whichever process. */
  changed(): void;
  stop(): void;
}

export function followAuthorities(deps: FollowDeps): AuthorityFollower {
  let cancel: () => void = () => undefined;
  const asked = new Set<AgentConnection>();
  let active = deps.pki.authorities().dataPlane.id;
  const askSome = (): void => {
    let left = renewalAsksPerSecondMax;
    for (const connection of deps.online()) {
      if (connection.certificate.authority === active || asked.has(connection)) continue;
      if (left === 0) {
        cancel = deps.clock.after(1_000, askSome);
        return;
      }
      asked.add(connection);
      left -= 1;
      connection.send({ type: 'rotate' });
    }
    asked.clear();
  };
  /** The agents of the former data-plane CA are asked for their next certificate. */
  const follow = (): void => {
    const { id, renewsAgents } = deps.pki.authorities().dataPlane;
    if (id === active) return;
    active = id;
    cancel();
    asked.clear();
    if (renewsAgents) askSome();
  };
  return {
    changed() {
      follow();
      for (const connection of deps.online()) {
        const { authority } = connection.certificate;
        if (authority === undefined || deps.pki.isAccepted(authority)) continue;
        connection.close(
          closeCodes.certificate_rejected,
          'certificate_rejected',
          'The authority that issued the certificate of this agent was retired.',
        );
      }
    },
    stop: () => cancel(),
  };
}
