// Somebody who presses buttons and does not give up: where no answer came, the same request is made again with the
// same key, until a control plane says what became of it.
import { setTimeout as delay } from 'node:timers/promises';
import type { Run } from '../../protocol/api/runs.ts';
import type { System } from './system.ts';

export interface Presser {
  /** Every key that was used, with the run that it led to. */
  readonly presses: ReadonlyMap<string, string>;
  /** Resolves when a control plane has answered; fails after a minute. */
  press(action: string): Promise<string>;
  /** How often it was told to come again later (503 with Retry-After); each of these is a promise that was kept. */
  readonly putOff: number;
}

export function openPresser(system: Pick<System, 'api'>): Presser {
  const presses = new Map<string, string>();
  let count = 0;
  let putOff = 0;
  return {
    presses,
    get putOff() {
      return putOff;
    },
    async press(action) {
      count += 1;
      const key = `press-${count}`;
      const deadline = performance.now() + 60_000;
      for (;;) {
        const answer = await system
          .api<Run>('POST', `/v1/projects/default/actions/${action}/runs`, {}, { 'idempotency-key': key })
          .catch(() => null);
        if (answer?.status === 201) {
          presses.set(key, answer.body.id);
          return answer.body.id;
        }
        if (answer !== null && answer.status !== 503) {
          throw new Error(`a press of ${action} was answered ${answer.status}: ${answer.text}`);
        }
        if (answer !== null && answer.headers.get('retry-after') === null) {
          throw new Error(`a press of ${action} was put off and not told for how long: ${answer.text}`);
        }
        if (answer !== null) putOff += 1;
        if (performance.now() > deadline) throw new Error(`nobody answers a press of ${action}`);
        await delay(50);
      }
    },
  };
}
