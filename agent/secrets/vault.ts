// Secrets from the KV store, version 2, of Vault or OpenBao, by its HTTP API (developer documentation of both,
// "KV secrets engine - version 2 (API)", "AppRole auth method (API)", "TLS certificate auth method (API)").
import { readFile } from 'node:fs/promises';
import { Agent, request } from 'undici';
import { z } from 'zod';
import type { VaultLogin, VaultSecrets } from '../../hcl/agent-file/definition.ts';
import { parseJson, stringifyJson } from '../../protocol/json.ts';
import { vaultRequestMsMax, vaultResponseBytesMax } from '../../protocol/limits.ts';
import type { SecretStore, SecretSurroundings } from './store.ts';

/** A field that `secret("path")` means when it names none. */
const fieldDefault = 'value';

const loginSchema = z.object({
  auth: z.object({ client_token: z.string().min(1), lease_duration: z.number().min(0) }),
});
const secretSchema = z.object({ data: z.object({ data: z.record(z.string(), z.unknown()).nullable() }) });
const errorsSchema = z.object({ errors: z.array(z.string()) });

interface Token {
  readonly text: string;
  /** Boot time after which another login is made: two thirds of its life. */
  readonly until: number;
}

interface Answer {
  readonly status: number;
  readonly body: unknown;
}

/**
 * `read("path#field")` gives one field; a field that is no text gives its JSON. The token is kept for two thirds of
 * its life, and a login made again once when it is refused before.
 */
export function createVaultSecrets(source: VaultSecrets, surroundings: SecretSurroundings): SecretStore {
  const vault = createVaultClient(source, surroundings);
  return {
    title: `the vault at ${source.address}`,
    read: async (name) => {
      const at = name.lastIndexOf('#');
      const path = at === -1 ? name : name.slice(0, at);
      const field = at === -1 ? fieldDefault : name.slice(at + 1);
      const segments = path.split('/');
      if (segments.some((segment) => segment === '' || segment === '.' || segment === '..')) return null;
      const answer = await vault.get(
        `${pathOf(source.mount)}/data/${segments.map(encodeURIComponent).join('/')}`,
      );
      if (answer.status === 404) return null;
      if (answer.status !== 200) throw refused(answer);
      const parsed = secretSchema.safeParse(answer.body);
      if (!parsed.success) throw new Error('its answer is not that of a KV store, version 2');
      const fields = parsed.data.data.data ?? {};
      const value = Object.hasOwn(fields, field) ? fields[field] : undefined;
      if (value === undefined || value === null) return null;
      return typeof value === 'string' ? value : stringifyJson(value);
    },
  };
}

interface VaultClient {
  get(path: string): Promise<Answer>;
}

function createVaultClient(source: VaultSecrets, { environment, boot }: SecretSurroundings): VaultClient {
  let token: Promise<Token> | null = null;

  async function call(
    path: string,
    options: { readonly token?: string; readonly body?: Readonly<Record<string, string>> },
  ): Promise<Answer> {
    const dispatcher = new Agent({ connect: await tlsOf(source), allowH2: false });
    try {
      return await exchange(new URL(`/v1/${path}`, source.address), {
        dispatcher,
        method: options.body === undefined ? 'GET' : 'POST',
        headers: {
          'x-vault-request': 'true',
          ...(source.namespace === null ? {} : { 'x-vault-namespace': source.namespace }),
          ...(options.token === undefined ? {} : { 'x-vault-token': options.token }),
          ...(options.body === undefined ? {} : { 'content-type': 'application/json' }),
        },
        ...(options.body === undefined ? {} : { body: JSON.stringify(options.body) }),
      });
    } finally {
      await dispatcher.destroy();
    }
  }

  async function logIn(): Promise<Token> {
    const { login } = source;
    if (login.method === 'token') return { text: await givenToken(login, environment), until: Infinity };
    const answer = await call(`auth/${pathOf(login.mount)}/login`, { body: await loginBody(login) });
    const parsed = loginSchema.safeParse(answer.body);
    if (answer.status !== 200 || !parsed.success) throw refused(answer);
    const { client_token: text, lease_duration: seconds } = parsed.data.auth;
    return { text, until: seconds === 0 ? Infinity : boot() + (seconds * 1_000 * 2) / 3 };
  }

  async function currentToken(): Promise<Token> {
    const known = await token?.catch(() => null);
    if (known !== null && known !== undefined && boot() < known.until) return known;
    token = logIn();
    return token;
  }

  return {
    get: async (path) => {
      const answer = await call(path, { token: (await currentToken()).text });
      if (answer.status !== 403) return answer;
      // Revoked, or used up before its time. A token file may hold a new one by now.
      token = null;
      return call(path, { token: (await currentToken()).text });
    },
  };
}

async function exchange(url: URL, options: Parameters<typeof request>[1]): Promise<Answer> {
  try {
    const { statusCode, body } = await request(url, {
      ...options,
      signal: AbortSignal.timeout(vaultRequestMsMax),
    });
    const chunks: Buffer[] = [];
    let length = 0;
    for await (const chunk of body) {
      length += (chunk as Buffer).length;
      if (length > vaultResponseBytesMax) throw new Error('its answer is too large');
      chunks.push(chunk as Buffer);
    }
    const text = Buffer.concat(chunks).toString();
    return { status: statusCode, body: /^\s*[{[]/.test(text) ? parseJson(text) : null };
  } catch (cause) {
    const { code, message, name } = cause as NodeJS.ErrnoException;
    const reason =
      name === 'TimeoutError' ? 'it did not answer in time' : `${message}${code ? ` (${code})` : ''}`;
    throw new Error(reason, { cause });
  }
}

async function tlsOf({ caFile, login }: VaultSecrets): Promise<Record<string, Buffer | number>> {
  return {
    timeout: vaultRequestMsMax,
    ...(caFile === null ? {} : { ca: await readFile(caFile) }),
    ...(login.method === 'cert'
      ? { cert: await readFile(login.certFile), key: await readFile(login.keyFile) }
      : {}),
  };
}

async function givenToken(
  { tokenFile }: Extract<VaultLogin, { method: 'token' }>,
  environment: SecretSurroundings['environment'],
): Promise<string> {
  const text = tokenFile === null ? environment['VAULT_TOKEN'] : await readFile(tokenFile, 'utf8');
  if (text === undefined || text.trim() === '') throw new Error('there is no token: VAULT_TOKEN is not set');
  return text.trim();
}

async function loginBody(
  login: Exclude<VaultLogin, { method: 'token' }>,
): Promise<Readonly<Record<string, string>>> {
  if (login.method === 'cert') return {};
  const secretId = await readFile(login.secretIdFile, 'utf8');
  return { role_id: login.roleId, secret_id: secretId.trim() };
}

function refused({ status, body }: Answer): Error {
  const parsed = errorsSchema.safeParse(body);
  const reasons = parsed.success ? parsed.data.errors.join('; ').slice(0, 500) : '';
  return new Error(`it answered ${status}${reasons === '' ? '' : ` (${reasons})`}`);
}

function pathOf(mount: string): string {
  return mount
    .split('/')
    .filter((segment) => segment !== '')
    .map(encodeURIComponent)
    .join('/');
}
