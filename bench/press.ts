// One client of the API on connections that stay open, as a program that presses buttons has them.
import { Agent, request } from 'node:http';
import { machineMs } from './clock.ts';

export interface Pressed {
  /** Id of the run. */
  readonly run: string;
  /** When the request left and when its answer was there, in `machineMs`. */
  readonly left: number;
  readonly answered: number;
}

export interface Presser extends Disposable {
  press(action: string): Promise<Pressed>;
  get<Body>(path: string): Promise<Body>;
}

export function openPresser(
  server: { readonly url: string; readonly token: string },
  sockets: number,
): Presser {
  const agent = new Agent({ keepAlive: true, maxSockets: sockets });
  const headers = { authorization: `Bearer ${server.token}`, 'content-type': 'application/json' };
  const exchange = (method: string, path: string, body: string | null) =>
    new Promise<{ text: string; left: number }>((resolve, reject) => {
      const sending = request(server.url + path, { method, agent, headers }, (response) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.on('end', () => {
          const text = Buffer.concat(chunks).toString();
          if ((response.statusCode ?? 500) < 300) resolve({ text, left });
          else reject(new Error(`${method} ${path} answered ${response.statusCode}: ${text}`));
        });
      });
      sending.on('error', reject);
      const left = machineMs();
      sending.end(body ?? undefined);
    });
  return {
    async press(action) {
      const path = `/v1/projects/default/actions/${action}/runs`;
      const { text, left } = await exchange('POST', path, '{"inputs":{}}');
      const answered = machineMs();
      return { run: (JSON.parse(text) as { id: string }).id, left, answered };
    },
    async get<Body>(path: string) {
      return JSON.parse((await exchange('GET', path, null)).text) as Body;
    },
    [Symbol.dispose]() {
      agent.destroy();
    },
  };
}
