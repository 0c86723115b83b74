// What the sources of secrets have in common.
import type { Found } from '../functions.ts';

/** One source. */
export interface SecretStore {
  /** As messages name it. */
  readonly title: string;
  /** The secret, or null when the source does not know the name. Throws an Error whose message is a clause. */
  read(name: string): Promise<string | null>;
}

export interface SecretReader {
  /** Never rejects; a problem is a clause. */
  read(name: string): Promise<Found>;
}

export interface SecretSurroundings {
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Milliseconds that never go back. */
  readonly boot: () => number;
}
