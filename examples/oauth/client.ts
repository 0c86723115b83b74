// What the examples of this folder share: where the server is, who asks, and a form that is posted to it.

/** From the environment, because secrets have no place on a command line. */
export function required(name: string): string {
  const value = process.env[name];
  if (value === undefined || value === '') throw new Error(`set ${name}`);
  return value;
}

export const server = required('WAYSIDE_URL');

/** Client id and secret of a service, as `wayside service credential create` prints them (RFC 6749, section 2.3.1). */
function basic(): string {
  const parts = [required('CLIENT_ID'), required('CLIENT_SECRET')].map(encodeURIComponent);
  return `Basic ${Buffer.from(parts.join(':')).toString('base64')}`;
}

export async function post(path: string, form: Readonly<Record<string, string>>): Promise<Response> {
  return fetch(server + path, {
    method: 'POST',
    headers: { authorization: basic() },
    body: new URLSearchParams(form),
  });
}

/** A token of the service for itself: a JWT that lives ten minutes. */
export async function ownToken(scope?: string): Promise<string> {
  const answer = await post('/oauth2/token', {
    grant_type: 'client_credentials',
    ...(scope === undefined ? {} : { scope }),
  });
  const body = (await answer.json()) as { readonly access_token?: string; readonly error?: string };
  if (body.access_token === undefined) throw new Error(body.error);
  return body.access_token;
}

/** Who the API takes the bearer for, and with which status it answers. */
export async function whoami(
  token: string,
): Promise<{ readonly status: number; readonly name: string | null }> {
  const answer = await fetch(`${server}/v1/whoami`, { headers: { authorization: `Bearer ${token}` } });
  const body = (await answer.json()) as { readonly principal?: { readonly name: string } };
  return { status: answer.status, name: body.principal?.name ?? null };
}
