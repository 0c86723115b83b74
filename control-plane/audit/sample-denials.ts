// Denials of one principal beyond what the settings allow in a minute are counted, and told together when the minute
// is over, so that a program that tries in a loop does not bury what matters.
import { auditSampledKeysMax, auditSampleMs } from '../../protocol/limits.ts';
import type { AuditEntry } from './event.ts';

export interface DenialSampler {
  /** Denials that are written one by one, for one principal in a minute; null: all. */
  setLimit(organization: string, perMinute: number | null): void;
  /** True where this denial is to be written. */
  takes(denial: Pick<AuditEntry, 'organization' | 'principal' | 'actors'>): boolean;
  /**
   * Hands `write` the events about what was only counted, of minutes that are over, or of all; each once. Where they
   * could not be written they are kept for the next time.
   */
  tell(
    write: (events: readonly AuditEntry[]) => Promise<unknown>,
    options?: { readonly all?: boolean },
  ): Promise<void>;
}

interface Counted {
  readonly denial: Pick<AuditEntry, 'organization' | 'principal' | 'actors'>;
  readonly since: number;
  written: number;
  omitted: number;
}

export function openDenialSampler(clock: { now(): number }): DenialSampler {
  const limits = new Map<string, number>();
  const counts = new Map<string, Counted>();
  const ended: Counted[] = [];
  const retire = (key: string, counted: Counted) => {
    counts.delete(key);
    if (counted.omitted > 0) ended.push(counted);
  };
  const countOf = ({ organization, principal, actors }: Counted['denial']): Counted => {
    const key = `${organization} ${principal?.id ?? ''}`;
    const known = counts.get(key);
    if (known !== undefined && clock.now() - known.since < auditSampleMs) return known;
    if (known !== undefined) retire(key, known);
    const [oldest] = counts;
    if (counts.size >= auditSampledKeysMax && oldest !== undefined) retire(...oldest);
    const denial = actors === undefined ? { organization, principal } : { organization, principal, actors };
    const fresh = { denial, since: clock.now(), written: 0, omitted: 0 };
    counts.set(key, fresh);
    return fresh;
  };
  return {
    setLimit(organization, perMinute) {
      if (perMinute === null) limits.delete(organization);
      else limits.set(organization, perMinute);
    },
    takes(denial) {
      const limit = limits.get(denial.organization);
      if (limit === undefined) return true;
      const counted = countOf(denial);
      if (counted.written < limit) counted.written += 1;
      else counted.omitted += 1;
      return counted.omitted === 0;
    },
    async tell(write, { all = false } = {}) {
      for (const [key, counted] of [...counts]) {
        if (all || clock.now() - counted.since >= auditSampleMs) retire(key, counted);
      }
      const taken = ended.splice(0);
      if (taken.length === 0) return;
      try {
        await write(taken.map(summaryOf));
      } catch (cause) {
        ended.unshift(...taken);
        throw cause;
      }
    },
  };
}

function summaryOf({ denial, since, omitted }: Counted): AuditEntry {
  return {
    ...denial,
    operation: 'access.omitted',
    permission: null,
    resource: `organizations/${denial.organization}`,
    result: 'denied',
    decision: null,
    details: { omitted, since, until: since + auditSampleMs },
    request: {},
  };
}
