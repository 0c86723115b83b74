import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { AuditExportFormat } from '../../../protocol/audit-export.ts';
import { openExportedHead, withKid } from '../../../protocol/audit-head.ts';
import type { AuditHead } from '../../../protocol/audit-head.ts';
import { openTrailVerifier } from '../../../protocol/audit-verify.ts';
import type { TrailVerdict } from '../../../protocol/audit-verify.ts';
import { publicHalf } from '../../../control-plane/audit/export.ts';
import { sha256 } from '../../../control-plane/audit/event.ts';
import { entry, openAuditFixture, organization } from './open-audit.ts';
import type { Fixture } from './open-audit.ts';

async function linesOf({ audit }: Fixture, format: AuditExportFormat, after = 0): Promise<string[]> {
  let text = '';
  for await (const piece of await audit.export({ organization, format, after })) text += piece;
  expect(text.endsWith('\n')).toBe(true);
  return text.slice(0, -1).split('\n');
}

async function verify(
  { audit }: Fixture,
  lines: readonly string[],
  kept: readonly AuditHead[] = [],
): Promise<TrailVerdict> {
  const keys = await Promise.all([...(await audit.keys()).values()].map((key) => withKid(publicHalf(key))));
  const verifier = openTrailVerifier({ sha256, keys, kept, lenient: false });
  for (const line of lines) if (!(await verifier.take(line))) break;
  return verifier.finish();
}

/** `rounds` heads, three events before each. */
async function withHeads(rounds: number): Promise<Fixture & { readonly kept: AuditHead[] }> {
  const fixture = await openAuditFixture();
  const kept: AuditHead[] = [];
  for (let round = 1; round <= rounds; round += 1) {
    for (let index = 1; index <= 3; index += 1) {
      const actors = index === 2 ? [{ id: 'a', name: 'bot', kind: 'service' }] : [];
      const details = { round, index, n: 1e21, __proto__: { text: 'é\u2028\n"' } };
      await fixture.store.write([fixture.audit.step(entry(`thing.create`, { actors, details }))]);
    }
    await fixture.audit.settle();
    kept.push((await openExportedHead(await fixture.audit.head(organization))).head);
  }
  return { ...fixture, kept };
}

describe.each(['jsonl', 'envelope'] as const)('an export as %s', (format) => {
  it('is verified without the server, by keys and by heads that were kept', async () => {
    const fixture = await withHeads(3);
    const lines = await linesOf(fixture, format);
    expect(lines).toHaveLength(1 + 9 + 3 + 1);
    expect(await verify(fixture, lines, fixture.kept)).toEqual({
      valid: true,
      problem: null,
      problem_at: null,
      line: null,
      events: 9,
      after: 0,
      end: { position: 9, hash: fixture.kept[2]?.hash },
      signed: 9,
      heads: 3,
      kept: 3,
    });
  });

  it('goes on behind any position, and the pieces are one export', async () => {
    const fixture = await withHeads(2);
    const whole = await linesOf(fixture, format);
    for (let after = 0; after <= 6; after += 1) {
      const rest = await linesOf(fixture, format, after);
      expect(await verify(fixture, rest)).toMatchObject({ valid: true, after, events: 6 - after });
      const first = whole.slice(0, 1 + after + Math.floor((after - 1) / 3));
      expect(await verify(fixture, [...first, ...rest])).toMatchObject({ valid: true, events: 6 });
    }
    await expect(linesOf(fixture, format, 7)).rejects.toMatchObject({ code: 'invalid_request' });
  });

  it.each([1, 7])('blames an event that calls itself number %i at its own place', async (claimed) => {
    const fixture = await withHeads(2);
    const lines = await linesOf(fixture, format);
    const changed = lines.map((line) =>
      line.replace('"position":3,"organization"', `"position":${claimed},"organization"`),
    );
    expect(changed).not.toEqual(lines);
    const { valid, problem, problem_at: at } = await verify(fixture, changed);
    expect({ valid, at }).toEqual({ valid: false, at: 3 });
    expect(problem).toMatch(/edited|is no line/);
  });

  it('shows every edit, removal, insertion, exchange and cut, and where (property)', async () => {
    const fixture = await withHeads(3);
    const { kept } = fixture;
    const lines = await linesOf(fixture, format);
    const isEvent = (line: string) =>
      /"position":\d+,"organization"/.test(line) && !line.startsWith('{"type":"trail"');
    const positionOf = (index: number) => lines.slice(0, index + 1).filter(isEvent).length;
    const events = lines.flatMap((line, index) => (isEvent(line) ? [index] : []));
    const anEvent = fc.constantFrom(...events);
    const edits = fc.oneof(
      fc.record({
        kind: fc.constant('edit' as const),
        index: anEvent,
        at: fc.nat(5_000),
        to: fc.integer({ min: 48, max: 122 }),
      }),
      fc.record({ kind: fc.constant('remove' as const), index: anEvent }),
      fc.record({ kind: fc.constant('repeat' as const), index: anEvent }),
      fc.record({ kind: fc.constant('exchange' as const), index: anEvent, other: anEvent }),
      fc.record({ kind: fc.constant('cut' as const), index: anEvent, honest: fc.boolean() }),
    );
    await fc.assert(
      fc.asyncProperty(edits, async (edit) => {
        const changed = [...lines];
        const line = lines[edit.index] ?? '';
        let at = positionOf(edit.index);
        if (edit.kind === 'edit') {
          const place = edit.at % line.length;
          const other = line.slice(0, place) + String.fromCharCode(edit.to) + line.slice(place + 1);
          // Another spelling of the same event is the same event.
          fc.pre(!sameJson(other, line));
          changed[edit.index] = other;
        } else if (edit.kind === 'remove') {
          changed.splice(edit.index, 1);
        } else if (edit.kind === 'repeat') {
          changed.splice(edit.index, 0, line);
        } else if (edit.kind === 'exchange') {
          fc.pre(edit.index !== edit.other);
          changed[edit.index] = lines[edit.other] ?? '';
          changed[edit.other] = line;
          at = Math.min(at, positionOf(edit.other));
        } else {
          // With an end that says that it is one, only a kept head tells.
          const end = JSON.stringify({ type: 'end', position: at, hash: hashIn(line) });
          changed.splice(edit.index + 1, lines.length, ...(edit.honest ? [] : [end]));
          fc.pre(at < 9);
          at += 1;
        }
        const verdict = await verify(fixture, changed, kept);
        expect(verdict.valid).toBe(false);
        expect(verdict.problem_at).toBe(at);
      }),
      { numRuns: 150 },
    );
  });
});

function hashIn(line: string): string {
  return /"hash":"([0-9a-f]{64})"/.exec(line)?.[1] ?? '';
}

function sameJson(a: string, b: string): boolean {
  try {
    return JSON.stringify(JSON.parse(a)) === JSON.stringify(JSON.parse(b));
  } catch {
    return false;
  }
}

describe('what an export is held to', () => {
  it('is a head of the trail as it was, not of one that was written anew', async () => {
    const fixture = await withHeads(1);
    const other = await withHeads(1);
    const verdict = await verify(fixture, await linesOf(fixture, 'jsonl'), other.kept);
    expect(verdict).toMatchObject({ valid: false, problem: 'event 3 is not the one of the kept head' });
  });

  it('are keys that were kept: those in the file prove nothing', async () => {
    const fixture = await withHeads(1);
    const other = await withHeads(1);
    expect(await verify(other, await linesOf(fixture, 'jsonl'))).toMatchObject({
      valid: false,
      problem: 'a signed head is not signed by any of the keys, or it was changed',
    });
  });

  it('is a kept head alone, where there are no keys', async () => {
    const fixture = await withHeads(2);
    const verifier = openTrailVerifier({ sha256, keys: [], kept: fixture.kept.slice(0, 1), lenient: true });
    for (const line of await linesOf(fixture, 'jsonl')) await verifier.take(line);
    expect(verifier.finish()).toMatchObject({ valid: true, signed: 3, heads: 0, kept: 1 });
  });

  it('says which part no head covers, and which head lies before the file', async () => {
    const fixture = await withHeads(2);
    const lines = (await linesOf(fixture, 'jsonl')).filter((line) => !line.startsWith('{"type":"head"'));
    expect(await verify(fixture, lines)).toMatchObject({ valid: true, signed: 0, events: 6 });
    const rest = await linesOf(fixture, 'jsonl', 4);
    expect(await verify(fixture, rest, fixture.kept)).toMatchObject({
      valid: false,
      problem: 'a kept head names event 3, and the file begins behind event 4',
    });
  });

  it('is nothing, where there is nothing', async () => {
    const fixture = await withHeads(1);
    expect(await verify(fixture, [])).toMatchObject({ valid: false, problem: 'the file is empty' });
    expect(await verify(fixture, ['{}'])).toMatchObject({ valid: false, line: 1 });
  });
});
