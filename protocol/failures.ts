// Every failure that Wayside reports has one stable code from this union, an HTTP status where it is an answer
// to a request, and a sentence that says what to do. Codes are never renamed: programs depend on them.

/** Status of the HTTP answer that carries the code (RFC 9457), and the title of the problem. */
export const failures = {
  // The request itself.
  invalid_request: [400, 'The request is not valid'],
  invalid_json: [400, 'The body is not valid JSON'],
  invalid_cursor: [400, 'The page cursor is not valid'],
  not_signed_in: [401, 'Not signed in'],
  invalid_token: [401, 'The token is not valid'],
  sign_in_failed: [401, 'Not signed in'],
  sign_in_link_spent: [403, 'The link is not good any more'],
  weak_password: [422, 'The password is not good enough'],
  passkeys_unavailable: [409, 'Passkeys cannot be used here'],
  identity_provider_failed: [502, 'The identity provider did not sign you in'],
  elevation_needed: [401, 'Show again who you are'],
  forbidden: [403, 'Not permitted'],
  entitlement_missing: [403, 'The organization is not entitled to this'],
  quota_exceeded: [403, 'The quota of the organization is used up'],
  not_found: [404, 'Not found'],
  method_not_allowed: [405, 'Method not allowed'],
  request_timeout: [408, 'The request took too long'],
  conflict: [409, 'Conflict'],
  name_taken: [409, 'The name is taken'],
  in_use: [409, 'Still in use'],
  last_owner: [409, 'The last owner cannot be removed'],
  cycle: [409, 'It would contain itself'],
  too_deep: [409, 'It would be nested too deeply'],
  limit_exceeded: [409, 'There are as many as there may be'],
  precondition_failed: [412, 'Changed in the meantime'],
  body_too_large: [413, 'The body is too large'],
  unsupported_media_type: [415, 'Unsupported media type'],
  idempotency_key_reused: [422, 'The idempotency key was used with another body'],
  precondition_required: [428, 'If-Match is required'],
  too_many_requests: [429, 'Too many requests'],
  headers_too_large: [431, 'The headers are too long'],
  internal: [500, 'Internal error'],
  unavailable: [503, 'Not available'],
  policy_stale: [503, 'The policy could not be read for too long'],

  // Inputs, actions and runs.
  invalid_inputs: [422, 'The inputs are not valid'],
  secret_too_short: [422, 'The sensitive value is too short to be masked'],
  action_never_advertised: [409, 'No agent has ever advertised this operation'],
  definition_not_accepted: [409, 'The new definition has not been accepted'],
  run_not_cancelable: [409, 'The run has ended'],
  run_token_ended: [401, 'The run that the token was for does not go on'],
  run_not_releasable: [409, 'Only an indeterminate run can be released'],
  sensitive_needs_sensitive_input: [422, 'A sensitive variable may fill only a sensitive input'],
  invalid_schedule: [422, 'The schedule is not valid'],
  expired: [409, 'Nobody took the run in time'],
  attempts_exhausted: [409, 'Every attempt lapsed before an agent accepted'],
  authority_lost: [403, 'The requester no longer has the right to run this'],
  agent_lost: [409, 'The agent was not heard of again'],
  agent_revoked: [403, 'The agent was revoked'],
  agent_interrupted: [409, 'The agent died while the run was going on'],
  released: [409, 'The run was released by a person'],
  store_rolled_back: [409, 'The database was rolled back, and nobody knows what became of the run'],

  // What an agent refuses (architecture.md, section 4). The first group is transient: about this agent only.
  busy: [503, 'The agent has no free slot'],
  draining: [503, 'The agent is leaving'],
  disk_full: [503, 'The agent cannot write its journal'],
  clock_skew: [503, 'The clocks differ too much'],
  cannot_open: [503, 'The agent could not open the sealed inputs'],
  digest_gone: [409, 'The agent no longer has that definition'],
  limit_reached: [503, "A limit of the agent's own file was reached"],
  // Any agent would give these.
  unknown_operation: [409, 'The agent does not define that operation'],
  invalid_intent: [403, 'The signed request could not be verified'],
  intent_expired: [403, 'The signed request is too old'],
  wrong_audience: [403, 'The signed request is for somebody else'],
  replayed: [409, 'The signed request was used before'],
  inputs_rejected: [422, 'The agent rejected the inputs'],

  // What an operation reports.
  canceled: [409, 'Canceled'],
  timed_out: [504, 'Timed out'],
  exit_status: [500, 'The command ended with an error'],
  killed_by_signal: [500, 'The command was ended by a signal'],
  exec_not_found: [500, 'The program was not found'],
  exec_not_permitted: [500, 'The program could not be started'],
  hash_mismatch: [500, 'A file is not the one that the action lists'],
  exec_failed: [500, 'The command could not be started'],
  dir_not_found: [500, 'The working directory was not found'],
  shell_not_found: [500, 'No shell was found'],
  engine_missing: [500, 'No container engine answers'],
  evaluation_failed: [500, 'An expression could not be evaluated'],
  tainted_argument: [500, 'An input would have been taken as an option'],
  tainted_path: [500, 'An input would have left its directory'],
  tainted_url: [500, 'An input would have changed the address'],
  secret_unavailable: [500, 'A secret could not be read'],
  address_denied: [500, "The address is not allowed by the agent's settings"],
  connect_failed: [500, 'No connection'],
  tls_failed: [500, 'The TLS connection failed'],
  http_failed: [500, 'The HTTP exchange failed'],
  unexpected_status: [500, 'The answer had an unexpected status'],
  response_too_large: [500, 'The answer was too large'],
  invalid_header: [500, 'A header is not allowed'],
  too_many_redirects: [500, 'Too many redirects'],

  // Enrolment and the channel.
  invalid_join_token: [401, 'The join token is not valid'],
  join_token_spent: [401, 'The join token was used before'],
  join_token_expired: [401, 'The join token has expired'],
  invalid_csr: [400, 'The certificate request is not valid'],
  approval_pending: [403, 'A person must approve this agent first'],
  certificate_rejected: [403, 'The certificate was rejected'],
  protocol_error: [400, 'The frame is not valid'],
  unknown_frame: [400, 'The frame is of an unknown type'],
  frame_too_large: [413, 'The frame is too large'],
  wrong_subprotocol: [400, 'The subprotocol is not wayside.v1'],
  session_replaced: [409, 'A newer connection of this agent took over'],
  quarantined: [403, 'The identity of this agent was copied or rolled back'],
  not_your_run: [403, 'The run belongs to another agent'],

  // Authorities and the certificates that they issue.
  role_violation: [422, 'The role does not allow such a certificate'],
  root_offline: [409, 'The key of the root is not in this control plane'],

  // The machine that it runs on.
  store_locked: [503, 'Another process uses this data folder'],
  store_newer: [503, 'The data was written by a newer program'],
  store_failed: [503, 'The store failed'],
  store_unavailable: [503, 'The database cannot be reached'],
  data_folder_unusable: [503, 'The data folder cannot be used'],
  port_in_use: [503, 'The port is in use'],
  keyring_unusable: [503, 'The keyring cannot be used'],
  envelope_rejected: [500, 'A sealed value could not be opened'],
  invalid_backup: [400, 'The backup cannot be used'],
  state_locked: [503, 'Another process uses this state folder'],
  state_unusable: [503, 'The state folder cannot be used'],
  invalid_configuration: [400, 'The configuration is not valid'],
  invalid_agent_file: [400, 'The agent file is not valid'],
  not_enrolled: [401, 'This agent is not enrolled'],
  unreachable: [503, 'The server cannot be reached'],
} as const satisfies Record<string, readonly [status: number, title: string]>;

export type FailureCode = keyof typeof failures;

/** The `type` of a problem document (RFC 9457, section 3.1.1): a name, not an address that somebody could own. */
export function problemTypeOf(code: FailureCode): string {
  return `urn:wayside:problem:${code}`;
}

export function isFailureCode(code: string): code is FailureCode {
  return Object.hasOwn(failures, code);
}

/**
 * What went wrong in the world (bugs are assertions, refusals are values). `message` says what happened and what
 * to do about it, in sentences, never with a secret in it; `details` are members of the problem document.
 */
export class Failure extends Error {
  readonly code: FailureCode;
  readonly details: Readonly<Record<string, unknown>>;

  constructor(
    code: FailureCode,
    message: string,
    options: { readonly cause?: unknown; readonly details?: Readonly<Record<string, unknown>> } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'Failure';
    this.code = code;
    this.details = options.details ?? {};
  }

  /** The HTTP status of an answer that carries this failure. */
  get status(): number {
    return failures[this.code][0];
  }

  get title(): string {
    return failures[this.code][1];
  }
}
