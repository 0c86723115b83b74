// The audit trail as the control plane opens it: appending, chaining, counting, verifying.
import type { Secrets } from '../secrets/secrets.ts';
import type { Store } from '../store/store.ts';
import { openChain } from './chain.ts';
import { startChainer } from './chainer.ts';
import type { Chainer, ChainerDeps } from './chainer.ts';
import { openDenialCounter } from './denials.ts';
import type { DenialCounter } from './denials.ts';
import { openHeads } from './heads.ts';
import type { Heads } from './heads.ts';
import { recordRestoration } from './record-restoration.ts';
import { openTrail } from './trail.ts';
import type { AuditTrail } from './trail.ts';
import { verifyAudit } from './verify.ts';
import type { Verification } from './verify.ts';

export interface Audit extends AuditTrail {
  /** Counts a denial of a request that nobody signed (rules.md 32). */
  countDenial: DenialCounter['count'];
  /** The newest signed head of an organization, for agents and for keeping elsewhere. */
  head: Heads['newest'];
  verify(organization: string, against?: unknown): Promise<Verification>;
  /** Chains and signs everything that is committed now. */
  settle: Chainer['settle'];
  close: Chainer['close'];
}

export interface AuditDeps {
  readonly store: Store;
  readonly secrets: Pick<Secrets, 'auditMac' | 'auditMacKey' | 'signingKeys'>;
  /** Of the database, where it is one that several threads can read. */
  readonly file?: string;
  readonly clock: { now(): number } & ChainerDeps['clock'];
  readonly report: (cause: unknown) => void;
}

export function openAudit(deps: AuditDeps): Audit {
  const { store, clock, report } = deps;
  const { auditMac: mac, auditMacKey: macKey, signingKeys } = deps.secrets;
  const chain = openChain(store);
  const heads = openHeads({ store, chain, signingKeys, clock });
  const denials = openDenialCounter({ store, clock });
  const trail = openTrail({ store, mac, clock, onStep: () => chainer.wake() });
  const prepare = () => recordRestoration(store, trail);
  const chainer = startChainer({ chain, heads, denials, clock, report, prepare });
  return {
    ...trail,
    countDenial: (reason) => {
      denials.count(reason);
      chainer.wake();
    },
    head: (organization) => heads.newest(organization),
    verify: (organization, against) =>
      verifyAudit(
        { store, mac, macKey, signingKeys, file: deps.file ?? null },
        against === undefined ? { organization } : { organization, against },
      ),
    settle: () => chainer.settle(),
    close: () => chainer.close(),
  };
}
