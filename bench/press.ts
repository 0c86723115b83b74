// One client of the API on connections that stay open, as a program that presses buttons has them.
import { Agent, request } from 'node:http';
import { Pool } from 'undici';
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

interface Transport extends Disposable {
  /** Text of the answer, and when the request left. */
  exchange(message: Message): Promise<{ readonly text: string; readonly left: number }>;
}

interface Message {
  readonly method: 'GET' | 'POST';
  readonly path: string;
  readonly body: string | null;
}

interface Target {
  readonly url: string;
  readonly token: string;
}

/** One press at a time, each as soon as it can be: node:http has a lone request on the wire first. */
export function openPresser(server: Target): Presser {
  return presserOver(overHttp(server));
}

/**
 * Many presses at once. It shares the machine with what is measured, and undici takes half of what node:http takes.
 */
export function openPressers(server: Target, sockets: number): Presser {
  return presserOver(overUndici(server, sockets));
}

function presserOver(transport: Transport): Presser {
  return {
    async press(action) {
      const path = `/v1/projects/default/actions/${action}/runs`;
      const { text, left } = await transport.exchange({ method: 'POST', path, body: '{"inputs":{}}' });
      const answered = machineMs();
      return { run: (JSON.parse(text) as { id: string }).id, left, answered };
    },
    async get<Body>(path: string) {
      return JSON.parse((await transport.exchange({ method: 'GET', path, body: null })).text) as Body;
    },
    [Symbol.dispose]: () => transport[Symbol.dispose](),
  };
}

function overHttp(server: Target): Transport {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  return {
    exchange: ({ method, path, body }) =>
      new Promise((resolve, reject) => {
        const options = { method, agent, headers: headersOf(server) };
        const sending = request(server.url + path, options, (response) => {
          const chunks: Buffer[] = [];
          response.on('data', (chunk: Buffer) => chunks.push(chunk));
          response.on('end', () => {
            const text = Buffer.concat(chunks).toString();
            const status = response.statusCode ?? 500;
            if (status < 300) resolve({ text, left });
            else reject(refused({ method, path, status, text }));
          });
        });
        sending.on('error', reject);
        const left = machineMs();
        sending.end(body ?? undefined);
      }),
    [Symbol.dispose]() {
      agent.destroy();
    },
  };
}

function overUndici(server: Target, sockets: number): Transport {
  const pool = new Pool(server.url, { connections: sockets });
  const headers = headersOf(server);
  return {
    exchange: ({ method, path, body }) =>
      new Promise((resolve, reject) => {
        const left = machineMs();
        let status = 0;
        const chunks: Buffer[] = [];
        pool.dispatch(
          { method, path, headers, body },
          {
            onRequestStart() {},
            onResponseStart(_controller, code) {
              status = code;
            },
            onResponseData(_controller, chunk) {
              chunks.push(chunk);
            },
            onResponseEnd() {
              const text = Buffer.concat(chunks).toString();
              if (status < 300) resolve({ text, left });
              else reject(refused({ method, path, status, text }));
            },
            onResponseError(_controller, error) {
              reject(error);
            },
          },
        );
      }),
    [Symbol.dispose]() {
      void pool.destroy();
    },
  };
}

function headersOf({ token }: Target): Record<string, string> {
  return { authorization: `Bearer ${token}`, 'content-type': 'application/json' };
}

function refused(answer: {
  readonly method: string;
  readonly path: string;
  readonly status: number;
  readonly text: string;
}): Error {
  const { method, path, status, text } = answer;
  return new Error(`${method} ${path} answered ${status}: ${text}`);
}
