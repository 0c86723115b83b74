// A disk that cannot be written: no new work until a probe has been written (dispatch.md).
import { diskProbeMs } from '../../protocol/limits.ts';
import { change, emit, note } from './draft.ts';
import type { Draft } from './draft.ts';

export function diskFailed(draft: Draft): void {
  if (draft.state.probeAt !== null) return;
  change(draft, { probeAt: draft.at.boot + diskProbeMs });
  note(draft, 'error', 'The journal cannot be written: new work is refused until the disk has room again.');
}

export function probeDisk(draft: Draft): void {
  change(draft, { probeAt: draft.at.boot + diskProbeMs });
  emit(draft, { type: 'probe' });
}

export function onProbed(draft: Draft, ok: boolean): void {
  if (!ok || draft.state.probeAt === null) return;
  change(draft, { probeAt: null });
  note(draft, 'info', 'The journal can be written again.');
}
