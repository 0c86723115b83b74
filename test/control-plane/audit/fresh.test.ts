import { expect, it } from 'vitest';
import { openFreshLinks } from '../../../control-plane/audit/fresh.ts';
import { auditFreshMax } from '../../../protocol/limits.ts';

const link = (id: string) => ({ digest: `digest of ${id}`, mac: `code of ${id}` });

it('keeps what is waiting for its place until it has it', () => {
  const fresh = openFreshLinks();
  fresh.add('a', link('a'));
  fresh.add('b', link('b'));
  fresh.drop('a');
  expect([fresh.of('a'), fresh.of('b')]).toEqual([undefined, link('b')]);
});

it('forgets the oldest where too many wait, and never the newest', () => {
  const fresh = openFreshLinks();
  for (let number = 0; number < auditFreshMax * 2; number += 1) fresh.add(`${number}`, link(`${number}`));
  const kept = Array.from({ length: auditFreshMax * 2 }, (_, number) => fresh.of(`${number}`) !== undefined);
  expect(kept.slice(0, auditFreshMax)).not.toContain(true);
  expect(kept.slice(-Math.floor(auditFreshMax * 0.9))).not.toContain(false);
  expect(kept.filter(Boolean).length).toBeLessThanOrEqual(auditFreshMax);
});
