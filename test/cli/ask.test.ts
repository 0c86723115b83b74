import { PassThrough } from 'node:stream';
import { expect, test } from 'vitest';
import { readSecret } from '../../cli/ask.ts';
import type { Surroundings } from '../../cli/cli.ts';

test('a prompt is shown only when the terminal echoes nothing any more', async () => {
  const happened: string[] = [];
  const stdin = Object.assign(new PassThrough(), {
    isTTY: true,
    setRawMode: (isRaw: boolean) => happened.push(isRaw ? 'silent' : 'echoing'),
  });
  const stderr = { isTTY: true, write: (text: string) => void happened.push(text) };
  const surroundings = { stdin, streams: { stdout: stderr, stderr } } as unknown as Surroundings;
  const secret = readSecret(surroundings, { prompt: 'Token' });
  stdin.write('wsp_secret\r');
  expect(await secret).toBe('wsp_secret');
  expect(happened).toEqual(['silent', 'Token: ', 'echoing', '\n']);
});
