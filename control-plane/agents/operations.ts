// What the agents of a group offer: each operation with the definition that a request would be checked against, and
// in a pinned group the ones that wait for a person (rules.md 19).
import type { z } from 'zod';
import { z as zod } from 'zod';
import type { operationSchema } from '../../protocol/api/operations.ts';
import { parseJson } from '../../protocol/json.ts';
import type { Store } from '../store/store.ts';
import {
  selectAccepted,
  selectActionNames,
  selectAdvertised,
  selectSensitiveInputs,
} from './definition-store.ts';
import type { AdvertisedRow } from './definition-store.ts';
import { withSensitive } from './definitions.ts';

export type Operation = z.output<typeof operationSchema>;

/** A row of groups/. */
export interface GroupFacts {
  readonly id: string;
  readonly name: string;
  readonly pinned: number;
}

interface Facts {
  readonly advertised: readonly AdvertisedRow[];
  readonly accepted: readonly { readonly operation: string; readonly digest: string }[];
  readonly sensitive: readonly { readonly operation: string; readonly input: string }[];
  readonly actions: readonly { readonly operation: string; readonly name: string }[];
}

const inputsSchema = zod.record(zod.string(), zod.unknown()).nullable();

/**
 * By operation name; one entry for each, and in a pinned group one for each digest. The first digest of an operation
 * is the one that counts: accepted where that is asked for, then advertised by an agent that is online, then newest.
 */
export async function operationsOf(store: Store, group: GroupFacts): Promise<readonly Operation[]> {
  const [advertised, accepted, sensitive, actions] = (await store.snapshot([
    selectAdvertised(store, group.id),
    selectAccepted(store, group.id),
    selectSensitiveInputs(store, group.id),
    selectActionNames(store, group.id),
  ])) as unknown as [Facts['advertised'], Facts['accepted'], Facts['sensitive'], Facts['actions']];
  return operationsIn({ advertised, accepted, sensitive, actions }, group);
}

function operationsIn(facts: Facts, group: GroupFacts): readonly Operation[] {
  const byOperation = new Map<string, Operation[]>();
  for (const row of facts.advertised) {
    const known = byOperation.get(row.operation) ?? [];
    if (known.some((operation) => operation.digest === row.digest)) continue;
    byOperation.set(row.operation, [...known, viewOf(facts, row, group)]);
  }
  const names = [...byOperation.keys()].sort();
  return names.flatMap((name) => {
    const operations = byOperation.get(name) ?? [];
    if (group.pinned !== 1) return operations.slice(0, 1);
    return [
      ...operations.filter(({ accepted }) => accepted),
      ...operations.filter(({ accepted }) => !accepted),
    ];
  });
}

function viewOf(facts: Facts, row: AdvertisedRow, group: GroupFacts): Operation {
  const { operation, digest } = row;
  const sensitive = facts.sensitive.filter((one) => one.operation === operation).map((one) => one.input);
  const inputs = inputsSchema.parse(row.inputs === null ? null : parseJson(row.inputs));
  const offering = facts.advertised.filter((one) => one.operation === operation && one.digest === digest);
  return {
    group: group.name,
    operation,
    description: row.description,
    digest,
    inputs: withSensitive(inputs, new Set(sensitive)) as Operation['inputs'],
    timeout_ms: row.timeout_ms,
    idempotent: row.idempotent === 1,
    concurrency: row.concurrency,
    compatibility: row.compatibility === 1,
    token: row.token === 1,
    agents_online: offering.filter((one) => one.online === 1).length,
    accepted:
      group.pinned !== 1 ||
      facts.accepted.some((one) => one.operation === operation && one.digest === digest),
    action: facts.actions.find((action) => action.operation === operation)?.name ?? null,
    last_advertised_at: row.advertised_at,
  };
}
