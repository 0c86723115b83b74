// Principals for tests of the API: made by the first owner, bound as asked, each with a token.
import type { Permission } from '../../protocol/permissions.ts';
import type { RoleName } from '../../protocol/api/authority.ts';
import { callApi } from './server.ts';
import type { ApiAnswer, Seen, TestServer } from './server.ts';

export interface Person {
  readonly id: string;
  readonly name: string;
  readonly token: string;
  readonly tokenId: string;
  api<Body = Seen>(
    method: string,
    path: string,
    body?: unknown,
    headers?: Readonly<Record<string, string | undefined>>,
  ): Promise<ApiAnswer<Body>>;
}

let made = 0;

export async function makePerson(
  server: TestServer,
  options: {
    readonly name?: string;
    readonly kind?: 'user' | 'service';
    readonly roles?: readonly { readonly role: RoleName; readonly level?: string }[];
    readonly permissions?: readonly Permission[];
    readonly expiresInMs?: number;
  } = {},
): Promise<Person> {
  const name = options.name ?? `person-${(made += 1)}`;
  const { id } = (await must(server.api('POST', '/v1/principals', { name, kind: options.kind ?? 'user' })))
    .body;
  for (const { role, level = 'organization' } of options.roles ?? []) {
    await must(server.api('POST', '/v1/bindings', { principal: id, role, level }));
  }
  const { body } = await must(
    server.api('POST', `/v1/principals/${id}/tokens`, {
      name: 'test',
      ...(options.permissions === undefined ? {} : { permissions: options.permissions }),
      ...(options.expiresInMs === undefined ? {} : { expires_in_ms: options.expiresInMs }),
    }),
  );
  return personOf(server, { id, name, token: body.token, tokenId: body.id });
}

/** The same calls with another token, for instance one that the person issued. */
export function personOf(server: Pick<TestServer, 'url'>, who: Omit<Person, 'api'>): Person {
  return {
    ...who,
    api: (method, path, body, headers) =>
      callApi({ url: server.url, token: who.token, method, path, body, headers }),
  };
}

/** The answer, where it is a good one. */
export async function must<Answer extends ApiAnswer<unknown>>(answering: Promise<Answer>): Promise<Answer> {
  const answer = await answering;
  if (answer.status >= 400) throw new Error(`${answer.status}: ${answer.text}`);
  return answer;
}
