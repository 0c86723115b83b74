// The canonical text of a state: equal for states that nothing can tell apart. What an unchanged part says is kept.

import type { WorkRun } from '../../agent/work-state.ts';
import type { JournalRecord } from '../../agent/journal-records.ts';
import { wireName } from './state.ts';
import type { Db, Folder, Paused, Process, Wire, World } from './state.ts';

function kept<Part extends object>(say: (part: Part) => string): (part: Part) => string {
  const texts = new WeakMap<Part, string>();
  return (part) => {
    const known = texts.get(part);
    if (known !== undefined) return known;
    const text = say(part);
    texts.set(part, text);
    return text;
  };
}

const frameText = kept((frame: object) => JSON.stringify(frame));
const unitText = kept((paused: Paused) => `${paused.wire}${JSON.stringify(paused.unit)}`);

const dbText = kept(({ row, agents, ...rest }: Db) => {
  const columns =
    row === null
      ? null
      : [
          row.state,
          row.attempt,
          row.agent,
          row.agent_incarnation,
          row.excluded_agents,
          row.idempotent,
          row.settled,
          row.failure_code,
          row.released_by,
          row.store_incarnation,
          row.cancel_requested_at,
          row.last_wire_seq,
          row.started_at,
        ];
  return JSON.stringify([columns, agents.A, agents.B, rest]);
});

const wireText = kept((wire: Wire) => {
  const { up, down, clientOpen, serverOpen, greeted, seat, broken, process } = wire;
  const flags = [clientOpen, serverOpen, greeted, seat, broken].map((flag) => (flag ? 1 : 0)).join('');
  return `${wireName(wire)}${process}${flags}${up.map(frameText).join()}>${down.map(frameText).join()}`;
});

const runText = kept((run: WorkRun) =>
  JSON.stringify([
    run.key,
    run.phase,
    run.idempotent,
    run.inherited,
    run.acceptedAt,
    run.confirmed,
    run.begun,
    run.deadline?.boot,
    run.stop,
    run.outcome?.result,
    run.outcome?.truncated,
    run.lastSeq,
    run.muted,
    run.asking,
  ]),
);

const processText = kept(({ id, machine, work, streams, disk, executing, recalled }: Process) => {
  const { session, everWelcomed, drain, left } = work;
  const runs = [...work.runs.values()].map(runText).join();
  const current =
    session === null ? '' : `${session.connection}${session.welcomed ? 'w' : ''}${session.tombstones}`;
  const told = [...streams].map(([key, { attached, lastSeq, acked, end, sent }]) => [
    key,
    attached,
    lastSeq,
    acked,
    end?.result,
    sent,
  ]);
  return JSON.stringify([
    id,
    machine,
    current,
    everWelcomed,
    drain?.cause,
    left,
    runs,
    told,
    disk.map(({ key, record }) => `${key}${record.type}`),
    [...executing],
    recalled,
  ]);
});

function recordText(record: JournalRecord): string {
  switch (record.type) {
    case 'accepted':
      return `a${record.attempt}${record.intent ?? ''}`;
    case 'ended':
      return `e${record.attempt}${record.outcome.result}${record.last_seq}`;
    case 'past':
      return `p${record.attempt}${record.verdict}`;
    case 'begun':
    case 'spawned':
      return `b${record.attempt}`;
    case 'opened':
    case 'probe':
      return '';
  }
}

const folderText = kept(({ agent, records, flushed, spool, started }: Folder) => {
  const spooled = [...spool].map(([key, { lastSeq, acked }]) => `${key}${lastSeq}${acked}`);
  return `${agent}${started}/${flushed}:${records.map(recordText).join()}/${spooled.join()}`;
});

export function keyOf(world: World): string {
  const { db, backup, held, wires, paused, processes, folders, operations, spent, given, stored } = world;
  return [
    dbText(db),
    backup === null ? '' : dbText(backup),
    held ? 'h' : '',
    wires.map(wireText).join(';'),
    paused.map(unitText).join(';'),
    processes.map(processText).join(';'),
    Object.entries(folders)
      .map(([machine, folder]) => `${machine}${folderText(folder)}`)
      .join(';'),
    operations.map(({ attempt, process, result }) => `${attempt}${process}${result}`).join(),
    Object.keys(spent)
      .sort()
      .map((kind) => `${kind}${spent[kind] ?? 0}`)
      .join(),
    given.join(),
    stored.join(),
  ].join('|');
}
