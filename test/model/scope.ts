// How far one exploration goes: who takes part, and which disturbances may happen how often.
import type { AgentSettings } from './agent.ts';
import type { MachineName } from './state.ts';

export const disturbances = {
  cut: 'a connection is cut; what the agent has sent may still arrive',
  lose: 'one message is lost, and the connection with it',
  overtake: 'a message overtakes the one before it',
  repeat: 'a message comes twice',
  pause: 'a process of the server stops between reading and writing, and writes later',
  unknown: 'the outcome of a commit is unknown',
  restart: 'the processes of the server die',
  crash: 'a process of an agent dies; what it executes goes on',
  flush: 'the record of another run takes the journal to the disk',
  power: 'the machine of an agent dies',
  second: 'a second process is started on the same state folder',
  copy: 'a copy of the state folder of A wakes up elsewhere',
  refuse: 'an agent refuses for a reason of its own',
  cancel: 'a person cancels the run',
  release: 'a person releases the slot of an indeterminate run',
  prune: 'retention removes the run',
  revoke: 'the agent A is revoked',
  backup: 'a backup is taken',
  restore: 'the database goes back to the backup',
  later: 'a later run of the same action starts',
  unauthorized: 'the requester loses the right',
  rival: 'another run asks for the slot',
} as const;

export type Disturbance = keyof typeof disturbances;

export interface Scope extends AgentSettings {
  readonly name: string;
  readonly machines: readonly MachineName[];
  /** Offers of the run at the most. */
  readonly attemptsMax: number;
  /** How many long intervals may pass. */
  readonly intervalsMax: number;
  readonly may: Readonly<Partial<Record<Disturbance, number>>>;
  /** Of all disturbances together; a backup and a flush alone disturb nothing. */
  readonly disturbancesMax: number;
}
