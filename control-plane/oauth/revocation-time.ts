// How long a revocation is remembered.
import { clockSkewMsMax } from '../../protocol/limits.ts';
import { accessTokenMs } from '../../protocol/limits-authority.ts';

/** The longest life of anything that it could be about, and what clocks may differ. */
export const revocationMs = accessTokenMs + 2 * clockSkewMsMax;
