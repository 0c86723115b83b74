// What the routes of pki are given from outside.
import type { ChangeDeps } from '../authority/change.ts';
import type { RouteDeps } from '../http/route.ts';
import type { SigningKeys } from '../secrets/signing-keys.ts';
import type { Pki } from './open-pki.ts';
import type { Revocations } from './publish-lists.ts';

export interface PkiRouteDeps extends RouteDeps, ChangeDeps {
  readonly pki: Pki;
  readonly signingKeys: SigningKeys;
  readonly revocations: Revocations;
  readonly clock: { now(): number };
  /** How many join tokens are good and pin the oldest root. */
  readonly openTokens: () => Promise<number>;
}
