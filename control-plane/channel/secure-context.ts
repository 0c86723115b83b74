// How our listeners speak TLS: version 1.3 only, and on the agent port a client certificate or nothing.
import { constants } from 'node:crypto';
import type { TlsOptions } from 'node:tls';
import type { ListenerTls } from './contract.ts';

/**
 * The whole set for `createServer` and for `setSecureContext`, which starts from nothing each time. Without
 * SSL_OP_NO_TICKET a saved session ticket lets a client in that presents no certificate at all, revoked or not.
 */
export function mutualTls(tls: ListenerTls): TlsOptions {
  return { ...serverTls(tls), ca: tls.ca, requestCert: true, rejectUnauthorized: true };
}

/** Server-authenticated TLS, for enrolment. */
export function serverTls(tls: Omit<ListenerTls, 'ca'>): TlsOptions {
  return {
    key: tls.key,
    cert: tls.cert,
    ...(tls.crl === undefined ? {} : { crl: tls.crl }),
    minVersion: 'TLSv1.3',
    maxVersion: 'TLSv1.3',
    ecdhCurve: 'X25519MLKEM768:X25519:P-256',
    secureOptions: constants.SSL_OP_NO_TICKET,
  };
}
