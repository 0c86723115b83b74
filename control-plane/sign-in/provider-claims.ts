// What the claims of an identity provider say to us: the name of a new user, whether they may come in, their teams.
// Pure: claims are whatever somebody else's server sends.
import { z } from 'zod';
import { nameSchema, isId, selfReference } from '../../protocol/ids.ts';
import { parseJson } from '../../protocol/json.ts';
import type { IdentityProvidersTable } from '../store/tables-sign-in.ts';

export type Claims = Readonly<Record<string, unknown>>;

/** What a name claim becomes: the part of an email address before its `@`, in the letters that names have; or null. */
export function nameFrom(claims: Claims, claim: string): string | null {
  const value = claims[claim];
  if (typeof value !== 'string') return null;
  const name = (value.split('@')[0] ?? '')
    .normalize('NFKD')
    .replace(/\p{M}/gu, '')
    .replace(/[^A-Za-z0-9._-]+/g, '-')
    .replace(/^[^A-Za-z0-9]+/, '')
    .slice(0, 63);
  return nameSchema.safeParse(name).success && !isId(name) && name !== selfReference ? name : null;
}

/** How the person is called there, for lists. */
export function labelFrom(claims: Claims): string {
  for (const claim of ['email', 'preferred_username', 'name', 'sub']) {
    const value = claims[claim];
    if (typeof value === 'string' && value !== '') return value.slice(0, 200);
  }
  return '';
}

/** Whether the domain of their address, which the provider has verified, is one of the list. An empty list lets all in. */
export function isAllowed(claims: Claims, domains: readonly string[]): boolean {
  if (domains.length === 0) return true;
  const { email, email_verified: verified } = claims;
  if (typeof email !== 'string' || verified !== true) return false;
  const at = email.lastIndexOf('@');
  return at > 0 && domains.includes(email.slice(at + 1).toLowerCase());
}

/** Names of the teams that the claim stands for; null where the provider says nothing about teams. */
export function teamsFrom(
  claims: Claims,
  { teams_claim: claim, teams: mapping }: Pick<IdentityProvidersTable, 'teams_claim' | 'teams'>,
): readonly string[] | null {
  if (claim === null) return null;
  const value = claims[claim];
  const said = (Array.isArray(value) ? value : [value]).filter((each) => typeof each === 'string');
  const stands = parseTeams(mapping);
  return [...new Set(said.flatMap((each) => stands.get(each) ?? []))];
}

/** Value of the claim to the name of a team. */
export function parseTeams(text: string): ReadonlyMap<string, string> {
  return new Map(Object.entries(z.record(z.string(), z.string()).parse(parseJson(text))));
}

export function parseDomains(text: string): readonly string[] {
  return text.split(' ').filter(Boolean);
}
