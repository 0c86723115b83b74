// How long a revocation is remembered.
import { accessTokenMs, clockSkewMsMax } from '../../protocol/limits.ts';

/** The longest life of anything that it could be about, and what clocks may differ. */
export const revocationMs = accessTokenMs + 2 * clockSkewMsMax;
