// Makes the authorities at the very first start, and replaces those below the root before they would cut the life of
// what they issue short.
import { dataPlaneCertificateMs } from '../../protocol/limits.ts';
import { GuardFailed } from '../store/store.ts';
import { noAuthorities } from './authority-store.ts';
import { openAuthorities } from './authorities.ts';
import type { Authorities, OpenOptions } from './authorities.ts';
import { notAfterOf } from './certify.ts';
import { draftAuthority } from './draft-authority.ts';
import { planRotation } from './plan-rotation.ts';
import type { RotatedLevel } from './plan-rotation.ts';
import type { RotationWitness } from './record-rotation.ts';

export interface EnsureOptions extends OpenOptions {
  readonly rotations: RotationWitness;
}

/**
 * The authorities as they count now. A data-plane CA in its last third is replaced, and so is an intermediate that
 * would no longer outlive a new data-plane CA, as long as the key of the root is here. Throws `envelope_rejected`
 * where the stored chain does not hold together.
 */
export async function ensureAuthorities(options: EnsureOptions): Promise<Authorities> {
  const opened = (await openAuthorities(options)) ?? (await createAuthorities(options));
  const due = dueForRotation(opened, options.now);
  if (due === null) return opened;
  await rotate(options, opened, due);
  return reopen(options);
}

async function rotate(options: EnsureOptions, opened: Authorities, level: RotatedLevel): Promise<void> {
  const { store, rotations } = options;
  const { steps, activated, former } = await planRotation(options, opened, level);
  const rotation = { level, activated, former };
  try {
    await store.write([...steps, ...rotations.record(rotation)]);
  } catch (cause) {
    // Another process was faster.
    if (cause instanceof GuardFailed) return;
    throw cause;
  }
  rotations.done(rotation);
}

async function createAuthorities(options: OpenOptions): Promise<Authorities> {
  const state = 'active' as const;
  const root = await draftAuthority(options, { level: 'root', state, parent: null });
  const intermediate = await draftAuthority(options, {
    level: 'intermediate',
    state,
    parent: root.authority,
  });
  const dataPlane = await draftAuthority(options, {
    level: 'data_plane',
    state,
    parent: intermediate.authority,
  });
  try {
    await options.store.write([
      noAuthorities(options.store),
      ...root.steps,
      ...intermediate.steps,
      ...dataPlane.steps,
    ]);
  } catch (cause) {
    // Processes that start at once agree on the authorities of the first of them.
    if (!(cause instanceof GuardFailed)) throw cause;
  }
  return reopen(options);
}

function dueForRotation(authorities: Authorities, now: number): RotatedLevel | null {
  const { root, intermediate, dataPlane } = authorities;
  const left = (authority: typeof root): number => notAfterOf(authority.certificate) - now;
  // Nothing below a root outlives it: a new one would end on the same day.
  const isCut = notAfterOf(root.certificate) <= notAfterOf(intermediate.certificate);
  const canSign =
    root.privateKey !== null || authorities.all.some((a) => a.level === 'intermediate' && a.state === 'next');
  if (left(intermediate) < dataPlaneCertificateMs && canSign && !isCut) return 'intermediate';
  const isLast = notAfterOf(intermediate.certificate) <= notAfterOf(dataPlane.certificate);
  return left(dataPlane) < dataPlaneCertificateMs / 3 && !isLast ? 'data_plane' : null;
}

async function reopen(options: OpenOptions): Promise<Authorities> {
  const opened = await openAuthorities(options);
  if (opened === null) throw new Error('the authorities were just made');
  return opened;
}
