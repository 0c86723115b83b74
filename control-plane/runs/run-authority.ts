// The right to start a run, asked of the authority of this process once more when the run is claimed (rules.md 17).
import type { Authority } from '../authority/authority.ts';
import { credentialOf } from '../authority/authenticate.ts';
import type { Policy, TokenRecord } from '../authority/policy.ts';
import type { RunAuthority } from './contract.ts';
import { actionResource } from './run-resource.ts';
import { storedInputsOf } from './known-inputs.ts';

/**
 * The principal must still hold the permission. A token that was revoked since takes its runs with it; one that merely
 * ran out does not, but it still bounds what its press may do.
 */
export function runAuthorityOf(authority: Authority): RunAuthority {
  const tokensOf = tokensById();
  return {
    mayStill(run) {
      const policy = authority.policy();
      const principal = policy.principals.get(run.requested_by);
      const token = run.token === null ? null : (tokensOf(policy).get(run.token) ?? null);
      if (principal === undefined || (run.token !== null && token === null)) return false;
      const credential = token === null ? null : credentialOf(token);
      const caller = { principal, credential, actors: [] };
      const resource = actionResource(run);
      const decision = authority.decide(caller, 'wayside.run.start', resource, 'later');
      if (decision.settled) return decision.allowed;
      return authority.decide(caller, 'wayside.run.start', resource, storedInputsOf(run)).allowed;
    },
    guard: () => authority.guard({ policy_revision: authority.policy().revision }),
    reload: () => authority.reload(),
  };
}

/** Indexes the tokens of a policy once; a policy is never changed, only replaced. */
function tokensById(): (policy: Policy) => ReadonlyMap<string, TokenRecord> {
  let indexed: { readonly policy: Policy; readonly byId: ReadonlyMap<string, TokenRecord> } | null = null;
  return (policy) => {
    if (indexed?.policy !== policy) {
      indexed = {
        policy,
        byId: new Map([...policy.tokensByHash.values()].map((token) => [token.id, token])),
      };
    }
    return indexed.byId;
  };
}
