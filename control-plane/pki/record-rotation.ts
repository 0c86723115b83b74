// How a rotation that nobody asked for is told: it is in the audit like one by a person, but without one.
import type { AuditEntry } from '../authority/change.ts';
import type { Step } from '../store/store.ts';
import type { PlannedRotation } from './plan-rotation.ts';
import type { Level } from './profiles.ts';

export interface AutomaticRotation extends Pick<PlannedRotation, 'activated' | 'former'> {
  readonly level: Level;
}

/** Who is told of the rotations that happen by themselves. */
export interface RotationWitness {
  /** Rows of the same unit: the audit event. */
  readonly record: (rotation: AutomaticRotation) => readonly Step[];
  /** It is stored. */
  readonly done: (rotation: AutomaticRotation) => void;
}

/** The event of a rotation by the control plane itself, because the authority was about to end. */
export function entryOfRotation(
  organization: string,
  { level, activated, former }: AutomaticRotation,
): AuditEntry {
  return {
    organization,
    principal: null,
    operation: 'pki.authority.rotate',
    permission: null,
    resource: 'pki/authorities',
    result: 'allowed',
    decision: null,
    details: { level, activated, former, renew_agents: true, reason: 'authority_ends' },
    request: {},
  };
}
