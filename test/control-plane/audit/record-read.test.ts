import { expect, it } from 'vitest';
import { auditReadMs } from '../../../protocol/limits.ts';
import { entry, openAuditFixture } from './open-audit.ts';

const ada = { id: '01900000-0000-7000-8000-0000000000aa', name: 'ada', kind: 'user' };
const bot = { id: '01900000-0000-7000-8000-0000000000bb', name: 'bot', kind: 'service' };

it('records a read once an hour for each principal, delegation and thing', async () => {
  const fixture = await openAuditFixture();
  const recorded = async () =>
    (await fixture.store.db.selectFrom('audit_events').select('id').execute()).length;
  const read = (changes: object = {}) =>
    fixture.audit.recordRead(
      entry('run.log.read', { principal: ada, resource: 'projects/p/runs/1', ...changes }),
    );
  for (let index = 0; index < 5; index += 1) await read();
  expect(await recorded()).toBe(1);
  await read({ principal: bot });
  await read({ actors: [bot] });
  await read({ resource: 'projects/p/runs/2' });
  expect(await recorded()).toBe(4);
  fixture.advance(auditReadMs);
  await read();
  await read();
  expect(await recorded()).toBe(5);
});
