// The public keys of outside issuers (OpenID Connect Discovery 1.0, section 4; RFC 7517), cached, and fetched only from
// addresses that the guard lets us dial.
import { isIP } from 'node:net';
import { createLocalJWKSet } from 'jose';
import type { JSONWebKeySet, JWTVerifyGetKey } from 'jose';
import { Agent, request } from 'undici';
import { z } from 'zod';
import { parseJson } from '../../protocol/json.ts';
import {
  issuerAnswerBytesMax,
  issuerKeysMs,
  issuerMsMax,
  issuerRetryMs,
} from '../../protocol/limits-authority.ts';
import { guardedLookup } from './addresses.ts';
import type { AddressGuard } from './addresses.ts';

export interface IssuerKeys {
  /** The keys of an issuer; throws an Error that says why they could not be had. */
  of(issuer: { readonly url: string; readonly jwksUri: string | null }): Promise<JWTVerifyGetKey>;
  close(): Promise<void>;
}

interface Held {
  readonly fetchedAt: number;
  readonly keys: JSONWebKeySet;
}

const discoverySchema = z.object({ issuer: z.string(), jwks_uri: z.string() });
const keySetSchema = z.object({ keys: z.array(z.looseObject({ kty: z.string() })).max(100) });

export function openIssuerKeys(deps: {
  readonly guard: AddressGuard;
  readonly clock: { now(): number };
}): IssuerKeys {
  const { guard, clock } = deps;
  const dispatcher = new Agent({
    connect: { lookup: guardedLookup(guard), timeout: issuerMsMax },
    headersTimeout: issuerMsMax,
    bodyTimeout: issuerMsMax,
    maxResponseSize: issuerAnswerBytesMax,
  });
  const held = new Map<string, Held>();
  const asking = new Map<string, Promise<Held>>();

  const read = async (address: string): Promise<unknown> => {
    const url = new URL(address);
    refuseAddress(guard, url);
    const answer = await request(url, { dispatcher, headers: { accept: 'application/json' } });
    if (answer.statusCode !== 200) {
      await answer.body.dump();
      throw new Error(`${url.origin} answered ${answer.statusCode}`);
    }
    return parseJson(await answer.body.text());
  };
  const fetchKeys = async (url: string, jwksUri: string | null): Promise<Held> => {
    let from = jwksUri;
    if (from === null) {
      const found = discoverySchema.parse(
        await read(`${url.replace(/\/$/, '')}/.well-known/openid-configuration`),
      );
      if (found.issuer !== url) throw new Error(`it calls itself ${found.issuer}`);
      from = found.jwks_uri;
    }
    return { fetchedAt: clock.now(), keys: keySetSchema.parse(await read(from)) as JSONWebKeySet };
  };
  const refresh = (name: string, url: string, jwksUri: string | null): Promise<Held> => {
    const running = asking.get(name);
    if (running !== undefined) return running;
    const fresh = fetchKeys(url, jwksUri)
      .then((keys) => {
        held.set(name, keys);
        return keys;
      })
      .finally(() => asking.delete(name));
    asking.set(name, fresh);
    return fresh;
  };

  return {
    async of({ url, jwksUri }) {
      const name = `${url} ${jwksUri ?? ''}`;
      const known = held.get(name);
      const isOld = known === undefined || clock.now() - known.fetchedAt > issuerKeysMs;
      const first = isOld ? await refresh(name, url, jwksUri) : known;
      return async (header, token) => {
        try {
          return await createLocalJWKSet(first.keys)(header, token);
        } catch (error) {
          // An issuer that has rotated its keys signs with one that we have not seen; it is asked now and then.
          if (clock.now() - first.fetchedAt < issuerRetryMs) throw error;
          const again = await refresh(name, url, jwksUri);
          return createLocalJWKSet(again.keys)(header, token);
        }
      };
    },
    close: () => dispatcher.destroy(),
  };
}

/** A name is looked at when it is resolved; an address that is written out is looked at here. */
function refuseAddress(guard: AddressGuard, url: URL): void {
  const host = url.hostname.replace(/^\[(.*)\]$/, '$1');
  const refused = isIP(host) === 0 ? null : guard(host);
  if (refused !== null) throw new Error(refused);
  // Only what the operator named may be reached without TLS, and only by address.
  if (url.protocol === 'https:') return;
  if (url.protocol === 'http:' && isIP(host) !== 0 && guardAddressesOnly(host)) return;
  throw new Error(`${url.origin} is not https`);
}

/** Loopback is this machine: what the guard lets through there does not cross a network. */
function guardAddressesOnly(host: string): boolean {
  return host === '::1' || host.startsWith('127.');
}
