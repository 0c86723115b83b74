// One client of the API on connections that stay open, as a program that presses buttons has them. It shares the
// machine with what is measured, so it is the leanest that we have.
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

export function openPresser(
  server: { readonly url: string; readonly token: string },
  sockets: number,
): Presser {
  const pool = new Pool(server.url, { connections: sockets });
  const headers = { authorization: `Bearer ${server.token}`, 'content-type': 'application/json' };
  const exchange = (method: 'GET' | 'POST', path: string, body: string | null) =>
    new Promise<string>((resolve, reject) => {
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
            if (status < 300) resolve(text);
            else reject(new Error(`${method} ${path} answered ${status}: ${text}`));
          },
          onResponseError(_controller, error) {
            reject(error);
          },
        },
      );
    });
  return {
    async press(action) {
      const left = machineMs();
      const text = await exchange('POST', `/v1/projects/default/actions/${action}/runs`, '{"inputs":{}}');
      const answered = machineMs();
      return { run: (JSON.parse(text) as { id: string }).id, left, answered };
    },
    async get<Body>(path: string) {
      return JSON.parse(await exchange('GET', path, null)) as Body;
    },
    [Symbol.dispose]() {
      void pool.destroy();
    },
  };
}
