// An agent as the control plane sees it: it enrols, dials, renews and recovers, with keys of its own.
import { identitySchema } from '../../../protocol/api/enrollment.ts';
import type { Identity } from '../../../protocol/api/enrollment.ts';
import type { AgentFrame, ServerFrame } from '../../../protocol/frames.ts';
import { dial, hello } from '../channel/harness.ts';
import type { Dialled } from '../channel/harness.ts';
import { newKeys } from './keys.ts';
import type { AgentKeys } from './keys.ts';
import type { Posted, World } from './world.ts';

export interface EnrolledAgent {
  readonly id: string;
  readonly name: string;
  readonly identity: Identity;
  readonly keys: AgentKeys;
  readonly credentials: { readonly key: string; readonly cert: string };
}

let names = 0;

export async function enrolled(
  world: World,
  group: string,
  options: { readonly groups?: string[]; readonly name?: string } = {},
): Promise<EnrolledAgent> {
  const { token } = await world.token(group, { groups: options.groups ?? [] });
  const keys = await newKeys();
  const name = options.name ?? `one-${(names += 1)}`;
  const { csr, sealing_key } = keys;
  const answer = await world.post('/enroll', { token, name, csr, sealing_key });
  return withIdentity(answer, keys);
}

export function withIdentity(answer: Posted, keys: AgentKeys): EnrolledAgent {
  if (answer.status !== 200) throw new Error(`refused: ${JSON.stringify(answer.body)}`);
  const identity = identitySchema.parse(answer.body);
  return {
    id: identity.agent.id,
    name: identity.agent.name,
    identity,
    keys,
    credentials: { key: keys.key, cert: identity.certificate_chain },
  };
}

export function knock(world: World, agent: Pick<EnrolledAgent, 'credentials'>): Promise<Dialled> {
  return dial({ channel: world.channel, serverTls: world.certificate.agents }, agent.credentials);
}

export interface Connected extends Dialled {
  readonly welcome: Extract<ServerFrame, { type: 'welcome' }>;
}

/** Dials, says hello, and waits for the welcome. */
export async function connected(
  world: World,
  agent: {
    readonly credentials: EnrolledAgent['credentials'];
    readonly identity: { readonly groups: string[] };
  },
  fields: Partial<Extract<AgentFrame, { type: 'hello' }>> = {},
): Promise<Connected> {
  const dialled = await knock(world, agent);
  dialled.send(hello({ groups: agent.identity.groups, ...fields }));
  const end = Date.now() + 10_000;
  while (Date.now() < end && dialled.socket.readyState === dialled.socket.OPEN) {
    const welcome = dialled.frames.find((frame) => frame.type === 'welcome');
    if (welcome?.type === 'welcome') return { ...dialled, welcome };
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  throw new Error(`no welcome; ${JSON.stringify(dialled.frames)}`);
}

export async function renew(
  world: World,
  agent: EnrolledAgent,
  options: { readonly keys?: AgentKeys; readonly generation?: number } = {},
): Promise<{ readonly answer: Posted; readonly keys: AgentKeys }> {
  const keys = options.keys ?? (await newKeys());
  const { csr, sealing_key } = keys;
  const generation = options.generation ?? agent.identity.generation;
  const url = `https://127.0.0.1:${world.channel.port}`;
  const answer = await world.post('/renew', { csr, sealing_key, generation }, { ...agent.credentials, url });
  return { answer, keys };
}
