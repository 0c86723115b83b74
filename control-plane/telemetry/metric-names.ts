// What every metric of ours is called and what it says: the one list that the page about operating is checked against.

/** Bounds of labels: a metric must not grow with what people and agents do. */
export const metricsGroupsMax = 500;
/** What the groups beyond the bound are counted under; no group can be called so. */
export const otherLabel = '_other';

export const metricHelp = {
  wayside_build_info: 'The version that runs; always 1.',
  wayside_queued_runs: 'Runs that wait for an agent, by group; the same on every replica.',
  wayside_queue_oldest_age_seconds:
    'Since when the oldest run of a group waits, 0 where none does; the same on every replica.',
  wayside_open_runs:
    'Runs by state: queued, offered, running, and indeterminate ones that keep a slot; the same on every replica.',
  wayside_runs_requested_total: 'Runs that this process has stored.',
  wayside_runs_requeued_total: 'Attempts that went back into the queue.',
  wayside_runs_ended_total:
    'Verdicts that this process has stored, by state; a late report settles an indeterminate run by a second one.',
  wayside_run_offer_delay_seconds: 'From the press to the first offer, waiting in the queue included.',
  wayside_run_start_delay_seconds:
    'From the press until the first attempt was accepted by its agent and stored as running.',
  wayside_agents_online:
    'Agents that are connected to this process, by group; one in two groups counts in both.',
  wayside_agents_enrolled: 'Active agents, by group, connected or not; the same on every replica.',
  wayside_agent_connections: 'Agents that are connected to this process.',
  wayside_store_commit_duration_seconds:
    'One transaction of the writer, from its begin until it was durable.',
  wayside_store_commit_units: 'Units that shared one transaction of the writer.',
  wayside_store_up: 'Whether the last reading of these figures from the database went well.',
  wayside_store_reading_age_seconds: 'How old the figures are that come from the database.',
  wayside_audit_unchained_events: 'Events of the audit that have no position in the chain yet.',
  wayside_audit_chain_lag_seconds: 'How old the oldest of them is.',
  wayside_certificate_expiry_timestamp_seconds:
    'When a certificate ends, the first one of its kind: api, agent_listener, root, intermediate, data_plane.',
  wayside_event_streams: 'Event streams that are open at this process.',
  wayside_http_requests_total: 'Requests that were answered, by route, method and class of the status.',
  wayside_http_request_duration_seconds: 'How long answers took that are no streams.',
} as const;

export type MetricName = keyof typeof metricHelp;
