// When a run was requested, from its id alone: a UUIDv7 begins with the time at which it was made (RFC 9562, section 5.7).

/** Epoch ms by the clock of the process that was asked; null for an id of another kind. */
export function pressTimeOf(run: string): number | null {
  if (run[14] !== '7') return null;
  const ms = Number.parseInt(run.slice(0, 8) + run.slice(9, 13), 16);
  return Number.isNaN(ms) ? null : ms;
}
