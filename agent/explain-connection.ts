// Why a connection did not come about, in sentences that say what to do, for log, enrolment and doctor alike.
import { Failure } from '../protocol/failures.ts';
import type { FailureCode } from '../protocol/failures.ts';

interface Explanation {
  readonly code: FailureCode;
  readonly message: string;
}

/** Always a Failure; one that is a Failure already is given back as it is. */
export function connectionFailure(cause: unknown, url: URL): Failure {
  if (cause instanceof Failure) return cause;
  const { code, message } = explain(codeOf(cause), messageOf(cause), url);
  return new Failure(code, message, { cause });
}

function explain(code: string, message: string, url: URL): Explanation {
  const place = url.host;
  const unreachable = (text: string): Explanation => ({ code: 'unreachable', message: text });
  const rejected = (text: string): Explanation => ({ code: 'certificate_rejected', message: text });
  switch (code) {
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return unreachable(
        `The name of ${place} does not resolve: check the host and the DNS of this machine.`,
      );
    case 'ECONNREFUSED':
      return unreachable(`Nothing listens on ${place}: check that the control plane runs, and the port.`);
    case 'ECONNRESET':
      return unreachable(
        `${place} cut the connection. If it always does, nothing listens behind it, or something in between does not let TLS pass.`,
      );
    case 'ETIMEDOUT':
    case 'EHOSTUNREACH':
    case 'ENETUNREACH':
      return unreachable(
        `${place} does not answer: check routes and firewalls, or set a proxy with --proxy.`,
      );
    case 'CERT_HAS_EXPIRED':
      return rejected(`The certificate of ${place} has expired, or the clock of this machine is wrong.`);
    case 'CERT_NOT_YET_VALID':
      return rejected(`The certificate of ${place} is not valid yet: check the clock of this machine.`);
    case 'ERR_TLS_CERT_ALTNAME_INVALID':
      return rejected(
        `The certificate of ${place} is for another name: use the name that the server was set up with.`,
      );
    case 'UNABLE_TO_VERIFY_LEAF_SIGNATURE':
    case 'SELF_SIGNED_CERT_IN_CHAIN':
    case 'DEPTH_ZERO_SELF_SIGNED_CERT':
    case 'UNABLE_TO_GET_ISSUER_CERT':
    case 'UNABLE_TO_GET_ISSUER_CERT_LOCALLY':
    case 'CERT_SIGNATURE_FAILURE':
    case 'CERT_UNTRUSTED':
    case 'CERT_CHAIN_TOO_LONG':
    case 'INVALID_CA':
    case 'INVALID_PURPOSE':
    case 'PATH_LENGTH_EXCEEDED':
      return rejected(
        `The certificate of ${place} does not lead to the root that this agent trusts: something in between may read TLS.`,
      );
    case 'ERR_PROXY_TUNNEL':
      return unreachable(proxyMessage(message));
    default:
      return /alert|SSL|TLS/i.test(code + message)
        ? rejected(
            `The TLS handshake with ${place} was refused (${message}): is this agent revoked or its certificate expired?`,
          )
        : unreachable(`No connection to ${place}: ${message}.`);
  }
}

function proxyMessage(message: string): string {
  if (message.includes('407')) {
    return 'The proxy wants credentials (407): put user and password into the URL of the proxy.';
  }
  if (message.includes('403')) return 'The proxy does not allow this connection (403): ask its operator.';
  return `The proxy did not open a tunnel: ${message}.`;
}

function codeOf(cause: unknown): string {
  return typeof cause === 'object' && cause !== null && 'code' in cause ? String(cause.code) : '';
}

function messageOf(cause: unknown): string {
  if (cause instanceof AggregateError && cause.errors.length > 0) return messageOf(cause.errors[0]);
  return cause instanceof Error ? cause.message : String(cause);
}
