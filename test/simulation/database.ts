// The one database of a simulated world: the control plane's own SQL and its own group commit on SQLite in memory, in
// this thread. Reads and commits happen at moments of virtual time, and their answers come later or not at all.
import { DatabaseSync } from 'node:sqlite';
import { Kysely } from 'kysely';
import type { CompiledQuery } from 'kysely';
import { boundParameters } from '../../control-plane/store/bind.ts';
import type { HintListener } from '../../control-plane/store/hints.ts';
import { readDialect } from '../../control-plane/store/read-dialect.ts';
import type { Database as Tables } from '../../control-plane/store/schema.ts';
import { connectionOver } from '../../control-plane/store/sqlite/connection.ts';
import type { Connection } from '../../control-plane/store/sqlite/connection.ts';
import { toFailure } from '../../control-plane/store/sqlite/failure.ts';
import { commitBatch } from '../../control-plane/store/sqlite/group-commit.ts';
import type { Unit } from '../../control-plane/store/sqlite/group-commit.ts';
import type { Answer, Statement } from '../../control-plane/store/sqlite/messages.ts';
import { readSnapshot } from '../../control-plane/store/sqlite/read-snapshot.ts';
import { GuardFailed } from '../../control-plane/store/store.ts';
import type { Step, StepResult, Store } from '../../control-plane/store/store.ts';
import { Failure } from '../../protocol/failures.ts';
import type { Chance } from './chance.ts';
import type { Template } from './template.ts';
import type { Actor, VirtualTime } from './time.ts';

/** How the database behaves just now; faults change it. */
export interface DatabaseMood {
  /** The longest that a read or a commit waits for its turn, and its answer for its way back. */
  slowMs: number;
  /** How often the answer of a commit is lost. */
  losesAnswers: number;
  /** How often a hint comes twice. */
  doublesHints: number;
  /** Nothing is read or written. */
  away: boolean;
}

export interface DatabaseWorld {
  readonly time: VirtualTime;
  readonly chance: Chance;
  readonly template: Template;
  /** Of the database's clock, epoch ms. */
  readonly now: () => number;
}

interface Waiting {
  readonly unit: readonly Statement[];
  readonly answer: (answer: Answer) => void;
}

export class SimulatedDatabase {
  readonly mood: DatabaseMood = { slowMs: 3, losesAnswers: 0, doublesHints: 0.05, away: false };
  readonly #world: DatabaseWorld;
  readonly #connection: Connection;
  #waiting: Waiting[] = [];
  readonly #listeners = new Set<{ readonly actor: Actor; readonly listener: HintListener }>();
  commits = 0;

  constructor(world: DatabaseWorld) {
    this.#world = world;
    const database = new DatabaseSync(':memory:', { enableForeignKeyConstraints: true });
    database.deserialize(world.template.database);
    this.#connection = connectionOver(database, world.now());
  }

  /** What the judge reads, at once. */
  look(sql: string, ...parameters: readonly (string | number)[]): readonly Record<string, unknown>[] {
    return this.#connection.run(sql, parameters).rows;
  }

  close(): void {
    this.#connection.close();
  }

  /** The store of one process; it hears nothing any more when that has ended. */
  storeOf(actor: Actor): Store {
    const { incarnation, trustDomain } = this.#world.template;
    const read = async <Row>(query: CompiledQuery<Row>): Promise<readonly Row[]> => {
      const [rows = []] = await this.#read(actor, [query]);
      return rows as readonly Row[];
    };
    return {
      engine: 'sqlite',
      db: new Kysely<Tables>({
        dialect: readDialect('sqlite', (query) => read(query as CompiledQuery<Record<string, unknown>>)),
      }),
      incarnation,
      trustDomain,
      read,
      snapshot: (queries) => this.#read(actor, queries),
      glance: (queries) => this.#glance(queries),
      write: (unit) => this.#write(actor, unit),
      hint: (topic) => this.#hint(actor, topic),
      onHint: (listener) => {
        const heard = { actor, listener };
        this.#listeners.add(heard);
        return () => this.#listeners.delete(heard);
      },
      backup: () => Promise.reject(new Error('nothing is backed up in a simulation')),
      close: () => Promise.resolve(),
    };
  }

  /** As LISTEN and NOTIFY: to everybody else, and sometimes twice. */
  #hint(from: Actor, topic: string): void {
    const { time, chance } = this.#world;
    if (!from.alive) return;
    for (const heard of this.#listeners) {
      const { actor, listener } = heard;
      if (!actor.alive) this.#listeners.delete(heard);
      if (!actor.alive || actor === from) continue;
      const times = chance.happens(this.mood.doublesHints) ? 2 : 1;
      for (let n = 0; n < times; n += 1) time.after(actor, this.#delay(), () => listener(topic));
    }
  }

  async #glance(queries: readonly CompiledQuery[]) {
    return rowsOf(this.#select(queries));
  }

  #read(actor: Actor, queries: readonly CompiledQuery[]) {
    const { time } = this.#world;
    return new Promise<readonly (readonly Record<string, unknown>[])[]>((resolve, reject) => {
      const take = (): void => {
        const answer = this.mood.away ? awayAnswer : this.#select(queries);
        time.after(actor, this.#delay(), () => {
          try {
            resolve(rowsOf(answer));
          } catch (cause) {
            reject(cause as Error);
          }
        });
      };
      if (actor.alive) time.after(null, this.#delay(), take);
    });
  }

  #select(queries: readonly CompiledQuery[]): Answer {
    this.#connection.setNow(this.#world.now());
    return readSnapshot(
      this.#connection,
      queries.map((query) => ({ sql: query.sql, parameters: boundParameters(query) })),
    );
  }

  #write(actor: Actor, unit: readonly Step[]): Promise<readonly StepResult[]> {
    const { time, chance } = this.#world;
    const statements = unit.map(statementOf);
    return new Promise((resolve, reject) => {
      const answer = (given: Answer): void => {
        const lost = 'results' in given && chance.happens(this.mood.losesAnswers);
        time.after(actor, this.#delay(), () => {
          if (lost)
            reject(new Failure('store_failed', 'The answer was lost.', { details: { unknown: true } }));
          else if ('results' in given) resolve(given.results);
          else if ('guard' in given) reject(new GuardFailed(given.guard));
          else reject(toFailure(given.failure));
        });
      };
      if (!actor.alive) return;
      // What has left a process reaches the database also when the process ends.
      time.after(null, this.#delay(), () => {
        if (this.mood.away) return answer(awayAnswer);
        this.#waiting.push({ unit: statements, answer });
        if (this.#waiting.length === 1) time.after(null, 0, () => this.#commit());
      });
    });
  }

  /** Whatever waits shares the commit. */
  #commit(): void {
    this.#connection.setNow(this.#world.now());
    const waiting = this.#waiting;
    this.#waiting = [];
    const queue: Unit[] = waiting.map(({ unit }, index) => [index, unit]);
    while (queue.length > 0) {
      const { answers } = commitBatch(this.#connection, queue, () => 0);
      this.commits += 1;
      for (const [index, answer] of answers) waiting[index]?.answer(answer);
    }
  }

  #delay(): number {
    return this.#world.chance.seldom(0.05, this.mood.slowMs);
  }
}

const awayAnswer: Answer = {
  failure: {
    code: 'store_unavailable',
    message: 'The database is away.',
    details: {},
    cause: '',
  },
};

function rowsOf(answer: Answer): readonly (readonly Record<string, unknown>[])[] {
  if ('results' in answer) return answer.results.map(({ rows }) => rows);
  if ('failure' in answer) throw toFailure(answer.failure);
  throw new Error('a read has no guard');
}

function statementOf({ query, guard }: Step): Statement {
  const { sql } = query;
  const parameters = boundParameters(query);
  return guard === undefined ? { sql, parameters } : { sql, parameters, guard };
}
