// Durations as people write them: `90s`, `15m`, `1h30m`, `7d`.
import { Failure } from '../protocol/failures.ts';

const unitsMs: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** Milliseconds. Throws `invalid_configuration`. */
export function parseDuration(text: string): number {
  if (!/^(\d+(ms|s|m|h|d))+$/.test(text)) {
    throw new Failure(
      'invalid_configuration',
      `${JSON.stringify(text)} is not a duration; write 30s, 15m or 1h30m.`,
    );
  }
  const ms = [...text.matchAll(/(\d+)(ms|s|m|h|d)/g)].reduce(
    (sum, [, count, unit]) => sum + Number(count) * (unitsMs[unit ?? ''] ?? 0),
    0,
  );
  if (Number.isSafeInteger(ms)) return ms;
  throw new Failure('invalid_configuration', `${JSON.stringify(text)} is longer than can be counted.`);
}
