// A small service in a private network: it refuses every request without its secret header, and remembers what it
// accepted. Run as a process of its own: `node private-service.ts`, with PORT=0 for any port, KEY for the header.
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

const key = process.env['KEY'] ?? '';
const accepted: string[] = [];
let refused = 0;

const server = createServer((request, response) => {
  if (request.url === '/proof') {
    response.end(JSON.stringify({ accepted, refused }));
    return;
  }
  if (request.headers['x-deployer-key'] !== key) {
    refused += 1;
    response.writeHead(401).end('{"error":"who are you?"}');
    return;
  }
  accepted.push(`${request.method ?? ''} ${request.url ?? ''}`);
  response.setHeader('content-type', 'application/json');
  response.end(JSON.stringify({ deployment: `deployment-${accepted.length}` }));
});

server.listen(Number(process.env['PORT'] ?? 0), '127.0.0.1', () => {
  process.stdout.write(`${JSON.stringify({ port: (server.address() as AddressInfo).port })}\n`);
});
