// Bodies are read without loss: numbers that a double cannot hold keep their digits (protocol/json.ts).
import type { FastifyInstance } from 'fastify';
import { Failure } from '../../protocol/failures.ts';
import { parseJson } from '../../protocol/json.ts';

export function readJsonBodies(app: FastifyInstance): void {
  app.removeAllContentTypeParsers();
  app.addContentTypeParser(
    'application/json',
    { parseAs: 'string' },
    async (_request: unknown, body: string | Buffer) => {
      const text = String(body);
      if (text.trim() === '') {
        throw new Failure('invalid_json', 'The body is empty. Send a JSON object, or no Content-Type.');
      }
      return parseJson(text);
    },
  );
}
