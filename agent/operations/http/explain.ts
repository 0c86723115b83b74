// What went wrong in an exchange, as a failure that says where to look. Messages name host and reason, never a header
// or a body.
import { Failure } from '../../../protocol/failures.ts';

const tlsCode =
  /^(?:CERT_|UNABLE_TO_|ERR_TLS_|ERR_SSL_|DEPTH_ZERO_|SELF_SIGNED_|HOSTNAME_MISMATCH|INVALID_CA|INVALID_PURPOSE|EPROTO$|ERR_OSSL)/;
const connectCodes: ReadonlySet<string> = new Set([
  'ECONNREFUSED',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ETIMEDOUT',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EACCES',
  'UND_ERR_CONNECT_TIMEOUT',
  'UND_ERR_PRX_CONN',
  'UND_ERR_PRX_TLS',
]);

interface Described {
  readonly code: string;
  readonly message: string;
}

/** The failure behind an error of the client, wherever in the chain of causes it is. */
export function explainError(error: unknown, url: URL): Failure {
  const chain = causesOf(error);
  const known = chain.find((each) => each instanceof Failure);
  if (known !== undefined) return known;
  const { code, message } = describe(chain);
  const options = { cause: error };
  if (tlsCode.test(code)) {
    return new Failure(
      'tls_failed',
      `The TLS connection to ${url.host} failed: ${message} (${code}).`,
      options,
    );
  }
  if (/Proxy response|Proxy Authentication/.test(message)) {
    return new Failure('connect_failed', `The proxy did not connect to ${url.host}: ${message}.`, options);
  }
  if (connectCodes.has(code)) {
    return new Failure(
      'connect_failed',
      `No connection to ${url.host}: ${reasonOf(code, message)}.`,
      options,
    );
  }
  if (code === 'UND_ERR_INVALID_ARG')
    return new Failure('invalid_header', `The request cannot be sent: ${message}.`, options);
  const shown = code === '' ? message : `${message} (${code})`;
  return new Failure('http_failed', `The exchange with ${url.host} failed: ${shown}.`, options);
}

function causesOf(error: unknown): readonly unknown[] {
  const chain: unknown[] = [];
  const queue: unknown[] = [error];
  for (const each of queue) {
    if (typeof each !== 'object' || each === null || chain.includes(each)) continue;
    chain.push(each);
    const { cause, errors } = each as { readonly cause?: unknown; readonly errors?: unknown };
    queue.push(cause, ...(Array.isArray(errors) ? (errors as unknown[]) : []));
  }
  return chain;
}

/** The first error of the chain that has a code, else the first. */
function describe(chain: readonly unknown[]): Described {
  const described = chain.map((each) => {
    const { code, message } = each as { readonly code?: unknown; readonly message?: unknown };
    return { code: typeof code === 'string' ? code : '', message: String(message).replace(/\.$/, '') };
  });
  return (
    described.find(({ code }) => code !== '' && code !== 'ERR_STREAM_PREMATURE_CLOSE') ??
    described[0] ?? { code: '', message: 'unknown error' }
  );
}

function reasonOf(code: string, message: string): string {
  switch (code) {
    case 'ECONNREFUSED':
      return 'nothing listens there (ECONNREFUSED)';
    case 'ENOTFOUND':
      return 'the name is not known (ENOTFOUND)';
    case 'EAI_AGAIN':
      return 'the name server did not answer (EAI_AGAIN)';
    case 'ETIMEDOUT':
    case 'UND_ERR_CONNECT_TIMEOUT':
      return 'no answer in time';
    default:
      return `${message} (${code})`;
  }
}
