// What a browser does with our pages, without one: keeps cookies, says where a request comes from, sends forms, and
// goes where it is sent. Each may be at an address of its own on the loopback network.
import { Agent, request } from 'undici';

export interface Seen {
  readonly status: number;
  /** Where it was sent, where it was. */
  readonly location: string | null;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly text: string;
}

export class Browser {
  readonly url: string;
  readonly cookies = new Map<string, string>();
  readonly #agent: Agent;
  origin: string | null;

  constructor(url: string, options: { readonly address?: string } = {}) {
    this.url = url;
    this.origin = url;
    this.#agent = new Agent({
      localAddress: options.address ?? '127.0.0.1',
      connect: { rejectUnauthorized: false },
    });
  }

  /** One request; redirects are answers. */
  async send(
    method: string,
    path: string,
    sent: {
      readonly form?: Readonly<Record<string, string>>;
      readonly json?: unknown;
      readonly headers?: Record<string, string>;
    } = {},
  ): Promise<Seen> {
    const body =
      sent.form !== undefined
        ? new URLSearchParams(sent.form).toString()
        : sent.json === undefined
          ? null
          : JSON.stringify(sent.json);
    const type = sent.form !== undefined ? 'application/x-www-form-urlencoded' : 'application/json';
    const answer = await request(new URL(path, this.url), {
      method: method as 'GET',
      dispatcher: this.#agent,
      headers: {
        ...(body === null ? {} : { 'content-type': type }),
        ...(method === 'GET' || this.origin === null ? {} : { origin: this.origin }),
        ...(this.cookies.size === 0 ? {} : { cookie: this.cookieHeader() }),
        ...sent.headers,
      },
      body,
    });
    const text = await answer.body.text();
    this.#keep(answer.headers['set-cookie']);
    const { location } = answer.headers;
    return {
      status: answer.statusCode,
      location: typeof location === 'string' ? location : null,
      headers: answer.headers,
      text,
    };
  }

  get(path: string): Promise<Seen> {
    return this.send('GET', path);
  }

  /** A form is sent and redirects are followed to where they end. */
  async submit(
    path: string,
    form: Readonly<Record<string, string>>,
  ): Promise<Seen & { readonly path: string }> {
    return this.follow(path, await this.send('POST', path, { form }));
  }

  async follow(path: string, first: Seen): Promise<Seen & { readonly path: string }> {
    let [at, seen] = [path, first];
    for (let hops = 0; seen.location !== null && hops < 10; hops += 1) {
      at = seen.location;
      seen = await this.send('GET', at);
    }
    return { ...seen, path: at };
  }

  async json<Body = Record<string, never>>(
    path: string,
    json: unknown,
  ): Promise<Seen & { readonly body: Body }> {
    const seen = await this.send('POST', path, { json });
    return { ...seen, body: (seen.text === '' ? {} : JSON.parse(seen.text)) as Body };
  }

  cookieHeader(): string {
    return [...this.cookies].map(([name, value]) => `${name}=${value}`).join('; ');
  }

  #keep(header: string | string[] | undefined): void {
    for (const line of [header ?? []].flat()) {
      const [pair = '', ...attributes] = line.split(/; */);
      const [name = '', value = ''] = pair.split('=');
      if (attributes.some((each) => /^max-age=0$/i.test(each))) this.cookies.delete(name);
      else this.cookies.set(name, value);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#agent.destroy();
  }
}
