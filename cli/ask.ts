// Gets what must never stand in argv: a secret, from a prompt that does not echo, from stdin or from a file.
import { readFile } from 'node:fs/promises';
import { createInterface } from 'node:readline/promises';
import { Writable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { Failure } from '../protocol/failures.ts';
import type { Surroundings } from './cli.ts';

/** One trailing line end is dropped, as editors and echo add it. */
export async function readSecret(
  surroundings: Surroundings,
  options: { readonly file?: string | undefined; readonly prompt: string },
): Promise<string> {
  const secret = (await readRaw(surroundings, options)).replace(/\r?\n$/, '');
  if (secret === '') throw new Failure('invalid_configuration', `${options.prompt}: nothing was given.`);
  return secret;
}

async function readRaw(
  surroundings: Surroundings,
  options: { readonly file?: string | undefined; readonly prompt: string },
): Promise<string> {
  if (options.file !== undefined && options.file !== '-') {
    try {
      return await readFile(options.file, 'utf8');
    } catch (cause) {
      throw new Failure(
        'invalid_configuration',
        `${options.file} cannot be read: ${(cause as Error).message}`,
        {
          cause,
        },
      );
    }
  }
  if (!surroundings.stdin.isTTY) return text(surroundings.stdin);
  return prompt(surroundings, options.prompt);
}

async function prompt(surroundings: Surroundings, question: string): Promise<string> {
  // Readline echoes what is typed to its output; this one swallows it.
  const silent = new Writable({ write: (_chunk, _encoding, done) => done() });
  // It takes the echo from the terminal, too, so it comes first: whoever sees the question may answer at once.
  const reader = createInterface({ input: surroundings.stdin, output: silent, terminal: true });
  surroundings.streams.stderr.write(`${question}: `);
  const given = new Promise<never>((_resolve, reject) => {
    const leave = (): void => reject(new Failure('canceled', 'Nothing was given.'));
    reader.once('SIGINT', leave);
    reader.once('close', leave);
  });
  try {
    return await Promise.race([reader.question(''), given]);
  } finally {
    given.catch(() => undefined);
    reader.close();
    surroundings.streams.stderr.write('\n');
  }
}
