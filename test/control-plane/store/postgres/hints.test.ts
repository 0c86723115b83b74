import { describe, expect, it } from 'vitest';
import { storeHintBytesMax } from '../../../../protocol/limits.ts';
import { payloadsOf } from '../../../../control-plane/store/postgres/hints.ts';
import { eventually } from '../../../support/eventually.ts';
import { runIn } from '../../../support/engine.ts';
import { freshDatabase, isMissing, openOn } from './database.ts';

describe('hints on their way', () => {
  it('go together, in as few notifications as PostgreSQL takes', () => {
    const topics = Array.from({ length: 1_000 }, (_, index) => `queued ${index} "ü"`);
    const payloads = payloadsOf('me', topics);
    expect(payloads.length).toBeLessThan(5);
    for (const payload of payloads) expect(Buffer.byteLength(payload)).toBeLessThanOrEqual(storeHintBytesMax);
    expect(payloads.flatMap((payload) => (JSON.parse(payload) as { topics: string[] }).topics)).toEqual(
      topics,
    );
    expect(payloadsOf('me', [])).toEqual([]);
  });
});

describe.skipIf(isMissing)('a hint', () => {
  it('reaches every other control plane and not the one that gave it', async () => {
    const url = await freshDatabase();
    const [one, two, three] = [await openOn(url), await openOn(url), await openOn(url)];
    const heard = { one: [] as unknown[], two: [] as unknown[], three: [] as unknown[] };
    one.onHint((topic) => heard.one.push(topic));
    const stop = two.onHint((topic) => heard.two.push(topic));
    three.onHint((topic) => heard.three.push(topic));
    one.hint('a');
    one.hint('b');
    one.hint('a');
    await eventually(() => [heard.two, heard.three]).toEqual([
      ['a', 'b'],
      ['a', 'b'],
    ]);
    stop();
    three.hint('c');
    await eventually(() => heard.one).toEqual(['c']);
    expect(heard.two).toEqual(['a', 'b']);
  });

  it('may have been lost with a connection: then everything is to be looked at', async () => {
    const url = await freshDatabase();
    const store = await openOn(url);
    const heard: unknown[] = [];
    store.onHint((topic) => heard.push(topic));
    await runIn(url, (client) =>
      client.query(`select pg_terminate_backend(pid) from pg_stat_activity where application_name like '% listen'
        and datname = current_database()`),
    );
    await eventually(() => heard).toEqual([null]);
    await runIn(url, (client) => client.query(`notify wayside, 'what nobody of ours sent'`));
    await eventually(() => heard).toEqual([null, null]);
  });
});
