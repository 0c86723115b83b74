// What a command is told of the API, in an action whose runs have a token: the token, and where it is good. The address
// is the agent's own word; nothing that arrives says where a command should send anything.
import type { AgentSettings } from '../../hcl/agent-file/definition.ts';
import type { RunContext } from '../contract.ts';

/** Environment variables, as `wayside` reads them; none without a token. */
export function apiVariables(
  { token }: Pick<RunContext, 'token'>,
  { api }: Pick<AgentSettings, 'api'>,
): Readonly<Record<string, string>> {
  if (token === undefined) return {};
  return {
    WAYSIDE_TOKEN: token,
    ...(api === null ? {} : { WAYSIDE_URL: api.url }),
    ...(api === null || api.caFile === null ? {} : { WAYSIDE_CA_FILE: api.caFile }),
  };
}
