// Both ends of a move, each kept from everybody else while it lasts.
import { Failure } from '../../../protocol/failures.ts';
import { connectAtStart, refusalOf } from '../postgres/line.ts';
import type { Link } from '../postgres/link.ts';
import { lockOfControlPlanes, prepareDatabase } from '../postgres/prepare-database.ts';
import type { PostgresSettings } from '../postgres/settings.ts';

/** Throws `store_locked` while a control plane uses the database. Closes the connection after `act`. */
export async function withDatabase<T>(
  settings: PostgresSettings,
  act: (link: Link) => Promise<T>,
): Promise<T> {
  const link = await connectAtStart({ settings, purpose: 'copy', movesTime: false });
  try {
    const { rows } = await link.send(`select pg_try_advisory_lock(${lockOfControlPlanes}) as alone`);
    if (rows[0]?.['alone'] !== 1) {
      throw new Failure(
        'store_locked',
        'A control plane uses the database. Stop every one of them first: what they write meanwhile would be lost.',
      );
    }
    await prepareDatabase(link, null);
    return await act(link);
  } catch (cause) {
    throw refusalOf(cause);
  } finally {
    await link.close().catch(() => undefined);
  }
}
