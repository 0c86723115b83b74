// What a change makes of a role, within what may be changed at all: the two built-in ones keep who asks for them, what
// they are for and whose identity they give.
import type { RoleChange } from '../../protocol/api/pki.ts';
import { Failure } from '../../protocol/failures.ts';
import { agentCertificateMsMax, agentCertificateMsMin, leafCertificateMs } from '../../protocol/limits.ts';
import type { Authorities } from './authorities.ts';
import { isIssuing } from './issue-leaf.ts';
import type { Role } from './roles.ts';

/** A role for requests of people, before anything is said about it: it allows nothing. */
export function newRole(name: string): Role {
  return {
    name,
    description: '',
    issuedBy: 'request',
    authority: 'data_plane',
    names: { uris: [], dns: [], ips: [] },
    namesMin: 1,
    namesMax: 10,
    keyTypes: ['p256'],
    usages: ['client_auth'],
    commonName: 'none',
    ttlMs: leafCertificateMs,
    revision: 1,
  };
}

/** Throws `invalid_request` for what a role cannot be. */
export function changeRole(role: Role, change: RoleChange, authorities: Authorities): Role {
  const changed: Role = {
    ...role,
    description: change.description ?? role.description,
    authority: change.authority ?? role.authority,
    names: {
      uris: change.names?.uris ?? role.names.uris,
      dns: change.names?.dns ?? role.names.dns,
      ips: change.names?.ips ?? role.names.ips,
    },
    namesMin: change.names_min ?? role.namesMin,
    namesMax: change.names_max ?? role.namesMax,
    keyTypes: change.key_types ?? role.keyTypes,
    usages: change.usages ?? role.usages,
    commonName: change.common_name ?? role.commonName,
    ttlMs: change.ttl_ms ?? role.ttlMs,
  };
  checkBuiltIn(role, change);
  checkRole(changed, authorities);
  checkAuthority(change.authority, authorities);
  return changed;
}

/** A server role without `localhost` would keep the control plane from starting. */
function checkBuiltIn(role: Role, change: RoleChange): void {
  if (role.issuedBy === 'request') return;
  const { names, names_min, names_max, usages, key_types, common_name } = change;
  const fixed = [names, names_min, names_max, usages, key_types, common_name];
  if (fixed.every((part) => part === undefined)) return;
  throw new Failure(
    'invalid_request',
    `The role ${role.name} is built in: only its life, its description and its authority can be changed.`,
  );
}

function checkRole(role: Role, { trustDomain }: Authorities): void {
  const isAgent = role.issuedBy === 'enrollment';
  if (isAgent && (role.ttlMs < agentCertificateMsMin || role.ttlMs > agentCertificateMsMax)) {
    throw new Failure('invalid_request', 'A certificate of an agent lives from 1 hour to 24 hours.');
  }
  if (role.namesMin > role.namesMax) {
    throw new Failure('invalid_request', 'The least number of names is greater than the most.');
  }
  const foreign = role.names.uris.find((uri) => !isAgent && !uri.startsWith(`spiffe://${trustDomain}/`));
  if (foreign !== undefined) {
    throw new Failure('invalid_request', `URIs begin with spiffe://${trustDomain}/; ${foreign} does not.`);
  }
}

/** Only what is asked for now: one that was named earlier and is former by now is passed over at issuing. */
function checkAuthority(asked: string | undefined, { all }: Authorities): void {
  if (asked === undefined || asked === 'data_plane') return;
  if (all.some((authority) => authority.id === asked && isIssuing(authority))) return;
  throw new Failure(
    'invalid_request',
    'The authority is not a data-plane CA that is active or waits; `wayside pki list --json` shows their ids.',
  );
}
