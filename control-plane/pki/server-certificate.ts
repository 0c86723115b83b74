// Keeps the certificate of our own listeners fresh: a new key and a new leaf at two thirds of the life, swapped in
// without closing a connection.
import type { ListenerTls } from '../channel/contract.ts';
import type { Authorities } from './authorities.ts';
import { serverRole } from './built-in-roles.ts';
import { issueServerCertificate } from './issue-leaf.ts';
import type { Role } from './roles.ts';

/** The parts of the listener's clock that are needed here. */
export interface RenewalClock {
  now(): number;
  after(ms: number, wake: () => void): () => void;
}

export interface ServerCertificateOptions {
  readonly pki: {
    authorities(): Authorities;
    role(name: string): Role | null;
    refresh(): Promise<void>;
  };
  /** Names under which agents reach this host. */
  readonly dns: readonly string[];
  readonly ips: readonly string[];
  readonly clock: RenewalClock;
  /** Gets each new one, for `replaceTls` of the listeners. */
  readonly renewed: (certificate: ServerCertificate) => void;
  /** It could not be renewed; it is tried again. */
  readonly failed: (cause: unknown) => void;
}

export interface ServerCertificate {
  /** For the agent listener: key, chain, and the root that clients must lead to. */
  readonly agents: ListenerTls;
  /** For the enrolment listener, which shows the root too, so that an agent can compare it with its pin. */
  readonly enrollment: ListenerTls;
}

export interface ServerCertificateKeeper {
  readonly first: ServerCertificate;
  /** At once, because authorities have changed. */
  replace(): Promise<void>;
  stop(): void;
}

const retryMs = 60_000;

/** Throws `certificate_rejected` for a name that no server of ours may have. */
export async function keepServerCertificate(
  options: ServerCertificateOptions,
): Promise<ServerCertificateKeeper> {
  const { pki, clock } = options;
  let cancel: () => void = () => undefined;
  let isStopped = false;
  const issue = async (): Promise<ServerCertificate> => {
    const now = clock.now();
    const { dns, ips } = options;
    const { anchor, trusted } = pki.authorities();
    const role = pki.role(serverRole.name) ?? serverRole;
    const leaf = await issueServerCertificate(pki.authorities(), { dns, ips, now, role });
    cancel();
    cancel = clock.after(((leaf.notAfter - now) * 2) / 3, () => void renew(true));
    const agents = { key: leaf.key, cert: leaf.chain, ca: trusted };
    return { agents, enrollment: { ...agents, cert: leaf.chain + anchor.pem } };
  };
  const renew = async (looksAgain: boolean): Promise<void> => {
    try {
      if (looksAgain) await pki.refresh();
      if (!isStopped) options.renewed(await issue());
    } catch (cause) {
      options.failed(cause);
      cancel();
      cancel = clock.after(retryMs, () => void renew(true));
    }
  };
  return {
    first: await issue(),
    replace: () => renew(false),
    stop: () => {
      isStopped = true;
      cancel();
    },
  };
}
