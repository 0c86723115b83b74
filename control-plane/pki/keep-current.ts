// The one loop of the authorities: sees what other processes changed within seconds, replaces what runs out, and says
// in time what only a person can replace.
import { authorityExpiryWarnMs, pkiSweepMs } from '../../protocol/limits.ts';
import type { CertificationAuthority } from './authorities.ts';
import { notAfterOf } from './certify.ts';
import type { Pki } from './open-pki.ts';

export interface KeepOptions {
  readonly pki: Pick<Pki, 'authorities' | 'refreshIfChanged'>;
  readonly clock: { now(): number; after(ms: number, wake: () => void): () => void };
  /** An authority ends within one of the stated times; once for each of them. */
  readonly warn: (warning: ExpiryWarning) => void;
  /** The store could not be read; it is tried again. */
  readonly failed: (cause: unknown) => void;
}

export interface ExpiryWarning {
  readonly authority: string;
  /** Epoch ms. */
  readonly notAfter: number;
  readonly message: string;
}

export function keepCurrent(options: KeepOptions): { stop(): void } {
  const { pki, clock } = options;
  const said = new Set<string>();
  let isStopped = false;
  const look = async (): Promise<void> => {
    try {
      await pki.refreshIfChanged();
      warnOfEnds(pki.authorities().all, options, said);
    } catch (cause) {
      if (!isStopped) options.failed(cause);
    }
    if (!isStopped) cancel = clock.after(pkiSweepMs, () => void look());
  };
  warnOfEnds(pki.authorities().all, options, said);
  let cancel = clock.after(pkiSweepMs, () => void look());
  return {
    stop() {
      isStopped = true;
      cancel();
    },
  };
}

function warnOfEnds(
  authorities: readonly CertificationAuthority[],
  { clock, warn }: Pick<KeepOptions, 'clock' | 'warn'>,
  said: Set<string>,
): void {
  for (const authority of authorities) {
    const threshold = passedThreshold(authority, clock.now());
    const mark = `${authority.id} ${threshold}`;
    if (threshold === null || said.has(mark)) continue;
    said.add(mark);
    const notAfter = notAfterOf(authority.certificate);
    warn({ authority: authority.name, notAfter, message: endsSoon(authority, clock.now()) ?? '' });
  }
}

/** The smallest of the stated times that is not left any more; null where none has passed. */
export function passedThreshold(
  { certificate }: Pick<CertificationAuthority, 'certificate'>,
  now: number,
): number | null {
  const left = notAfterOf(certificate) - now;
  return authorityExpiryWarnMs.filter((threshold) => left < threshold).at(-1) ?? null;
}

const dayMs = 86_400_000;

/** What a person should do about an authority that ends; null where that is far away. */
export function endsSoon(authority: CertificationAuthority, now: number): string | null {
  if (passedThreshold(authority, now) === null) return null;
  const left = notAfterOf(authority.certificate) - now;
  const days = Math.ceil(left / dayMs);
  const ends = left <= 0 ? 'has ended' : days === 1 ? 'ends within a day' : `ends in ${days} days`;
  const level = authority.level.replace('_', '-');
  const todo =
    authority.state === 'former'
      ? `retire it: \`wayside pki retire ${authority.name}\``
      : `replace it: \`wayside pki rotate ${level}\``;
  return `The certificate of ${authority.name} ${ends}; ${todo}.`;
}
