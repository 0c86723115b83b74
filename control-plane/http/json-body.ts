// Bodies are read without loss: numbers that a double cannot hold keep their digits (protocol/json.ts), and bytes
// that are no UTF-8 are refused rather than replaced (RFC 8259, section 8.1).
import type { FastifyInstance } from 'fastify';
import { Failure } from '../../protocol/failures.ts';
import { parseJson } from '../../protocol/json.ts';

export function readJsonBodies(app: FastifyInstance): void {
  app.removeAllContentTypeParsers();
  app.addContentTypeParser(
    'application/json',
    { parseAs: 'buffer' },
    async (_request: unknown, body: string | Buffer) => {
      const text = decode(Buffer.from(body));
      if (text.trim() === '') {
        throw new Failure('invalid_json', 'The body is empty. Send a JSON object, or no Content-Type.');
      }
      return parseJson(text);
    },
  );
}

function decode(bytes: Buffer): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch (cause) {
    throw new Failure('invalid_json', 'The body is not UTF-8.', { cause });
  }
}
