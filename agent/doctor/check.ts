// One thing that the doctor looked at: what was found, and how to mend it where it is not right.

export interface Check {
  /** Short name, for instance `certificate`. */
  readonly name: string;
  readonly state: 'ok' | 'warning' | 'failed' | 'skipped';
  /** A sentence about what was found. */
  readonly found: string;
  /** What to do; null where there is nothing to mend. */
  readonly mend: string | null;
  /** For instance the certificates that were presented. */
  readonly details?: readonly string[];
}

export function ok(name: string, found: string, details?: readonly string[]): Check {
  return { name, state: 'ok', found, mend: null, ...(details === undefined ? {} : { details }) };
}

export function warning(name: string, found: string, mend: string): Check {
  return { name, state: 'warning', found, mend };
}

export function failed(name: string, found: string, mend: string, details?: readonly string[]): Check {
  return { name, state: 'failed', found, mend, ...(details === undefined ? {} : { details }) };
}

export function skipped(name: string, found: string): Check {
  return { name, state: 'skipped', found, mend: null };
}
