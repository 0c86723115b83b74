// A new certificate with a new key at two thirds of the old one's life, over the old one. Keys are on the disk before
// they are asked for, so an answer that was lost is asked for again with the same key (protocol/api/enrollment.ts).
import { setTimeout as delay } from 'node:timers/promises';
import type { Clock } from './contract.ts';
import { keep, requestKeys } from './enroll.ts';
import type { FaultPoint } from './fault.ts';
import { certificateLife, certificatePin, readCertificates, readPending, writePending } from './identity.ts';
import type { CertificateLife, StoredIdentity } from './identity.ts';
import type { Log } from './log.ts';
import { postJson } from './post-json.ts';
import { secureAgent } from './secure-agent.ts';
import type { ProxyEnv } from './secure-agent.ts';

const renewAtPart = 2 / 3;
const jitterPart = 0.1;
const retryMsMin = 5_000;
const retryMsMax = 600_000;
/** Longest sleep at once: the wall clock may jump meanwhile. */
const lookMsMax = 60_000;

export interface RenewOptions {
  readonly stateFolder: string;
  readonly proxyEnv: ProxyEnv;
  readonly faultPoint: FaultPoint;
}

/** Asks for the next certificate of the same identity and keeps it. Throws a Failure; the old one stays then. */
export async function renewIdentity(
  current: StoredIdentity,
  { now, ...options }: RenewOptions & { /** Epoch ms. */ readonly now: number },
): Promise<StoredIdentity> {
  const { makeRequest, statementOf } = await requestKeys();
  const kept = readPending(options.stateFolder);
  const pending =
    kept?.purpose === 'renew' && kept.generation === current.generation
      ? kept
      : await makeRequest({
          purpose: 'renew',
          generation: current.generation,
          name: current.agent.name,
          current,
          now,
        });
  writePending(options.stateFolder, pending);
  options.faultPoint('renew.pending');
  const url = new URL('/renew', current.agent_url.replace(/^wss:/, 'https:'));
  const trust = { root: current.root, client: { chain: current.certificate_chain, key: current.key } };
  const answer = await postJson(
    url,
    { csr: pending.csr, sealing_key: await statementOf(pending), generation: current.generation },
    { agent: secureAgent(trust, options.proxyEnv) },
  );
  const { identity } = await keep(answer, {
    ...options,
    pending,
    current,
    rootPins: readCertificates(current.root).map(certificatePin),
    now,
    server: new URL(current.enroll_url),
  });
  return identity;
}

/** When to renew: two thirds of the life, give or take a tenth of it so that a fleet does not come at once. */
export function renewalTime({ notBefore, notAfter }: CertificateLife, random: () => number): number {
  const life = notAfter - notBefore;
  return Math.round(notBefore + life * (renewAtPart + jitterPart * (2 * random() - 1)));
}

export interface Renewal {
  /** The server asked for it (`rotate`). */
  renewNow(): void;
  stop(): void;
}

/** Renews for as long as the agent lives; `renewed` gets each new identity after it is on the disk. */
export function startRenewal(
  options: RenewOptions & {
    readonly identity: () => StoredIdentity;
    readonly clock: Clock;
    readonly random: () => number;
    readonly log: Log;
    readonly renewed: (identity: StoredIdentity) => void;
  },
): Renewal {
  const stopped = new AbortController();
  let asked = new AbortController();
  const loop = async (): Promise<void> => {
    let due = renewalTime(certificateLife(options.identity()), options.random);
    let failures = 0;
    for (;;) {
      await waitUntil(due, options.clock, AbortSignal.any([stopped.signal, asked.signal]));
      if (stopped.signal.aborted) return;
      asked = new AbortController();
      try {
        const now = options.clock.now();
        const identity = await renewIdentity(options.identity(), { ...options, now });
        failures = 0;
        // By a clock that is hours ahead a new certificate looks old: it must not be renewed again and again.
        due = Math.max(renewalTime(certificateLife(identity), options.random), now + retryMsMax);
        options.log.info({ generation: identity.generation }, 'The certificate was renewed.');
        options.renewed(identity);
      } catch (cause) {
        const wait = Math.min(retryMsMax, retryMsMin * 2 ** failures) * (0.5 + options.random() / 2);
        failures += 1;
        due = options.clock.now() + wait;
        options.log.warn({ reason: (cause as Error).message }, 'The certificate could not be renewed yet.');
      }
    }
  };
  void loop();
  return {
    renewNow: () => {
      asked.abort();
    },
    stop: () => {
      stopped.abort();
    },
  };
}

async function waitUntil(due: number, clock: Clock, signal: AbortSignal): Promise<void> {
  while (!signal.aborted && clock.now() < due) {
    const wait = Math.min(lookMsMax, due - clock.now());
    await clock.sleep(wait, signal).catch(() => delay(0));
  }
}
