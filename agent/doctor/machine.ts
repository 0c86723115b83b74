// What the doctor looks at on this machine: agent file, state folder, identity, journal, memory.
import { existsSync, readFileSync, statfsSync } from 'node:fs';
import { join } from 'node:path';
import { renderDiagnostic } from '../../hcl/render-diagnostic.ts';
import { Failure } from '../../protocol/failures.ts';
import { journalRecordBytesMax } from '../../protocol/limits.ts';
import type { AgentConfig } from '../config.ts';
import {
  certificateLife,
  keyFingerprint,
  isChain,
  isExposed,
  openStateFolder,
  readCertificates,
  readIdentity,
} from '../identity.ts';
import type { StoredIdentity } from '../identity.ts';
import { readAll, readKeptHeads } from '../heads.ts';
import { loadRegistry, readSources } from '../load.ts';
import type { Registry } from '../load.ts';
import { scanRecords } from '../record-file.ts';
import { lockFile, lockState } from '../state-lock.ts';
import { leaveMemoryOutOfDumps } from '../undumpable.ts';
import { failed, ok, skipped, warning } from './check.ts';
import type { Check } from './check.ts';

const freeBytesMin = 64 * 1024 * 1024;
const hourMs = 3_600_000;

export interface FileFinding {
  readonly check: Check;
  readonly registry: Registry | null;
}

export function checkFile(config: AgentConfig): FileFinding {
  const name = 'agent file';
  if (config.files === null) {
    return { check: skipped(name, 'No agent file was named; use -c to check it too.'), registry: null };
  }
  try {
    const { registry, diagnostics } = loadRegistry(readSources(config.files), config);
    if (registry === null) {
      const errors = diagnostics.filter(({ severity }) => severity === 'error');
      const shown = errors.map((diagnostic) => renderDiagnostic(diagnostic, { color: false }));
      const mend = `Mend what wayside-agent lint ${config.files} shows.`;
      return {
        check: failed(name, `${config.files} has ${counted(errors.length, 'error')}.`, mend, shown),
        registry,
      };
    }
    const groups = registry.groups.map((group) => `"${group}"`).join(', ');
    return {
      check: ok(name, `${config.files}: ${counted(registry.actions.length, 'action')} in ${groups}.`),
      registry,
    };
  } catch (cause) {
    return { check: failed(name, (cause as Error).message, 'Name the right path with -c.'), registry: null };
  }
}

function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`;
}

export function checkStateFolder(folder: string, pid: number): readonly Check[] {
  const name = 'state folder';
  if (!existsSync(folder)) return [skipped(name, `${folder} does not exist yet: enrolment makes it.`)];
  try {
    openStateFolder(folder);
  } catch (cause) {
    return [failed(name, (cause as Error).message, 'Make it writable for the user of the agent.')];
  }
  const { bavail, bsize } = statfsSync(folder);
  const free = bavail * bsize;
  const room =
    free < freeBytesMin
      ? failed(
          'disk',
          `${Math.round(free / 1024 / 1024)} MiB are free.`,
          'Make room: what cannot be journalled is refused.',
        )
      : ok('disk', `${Math.round(free / 1024 / 1024)} MiB are free.`);
  const exposed = isExposed(folder)
    ? failed(name, `Others can read the keys in ${folder}.`, `chmod 600 ${join(folder, 'identity.json')}`)
    : ok(name, `${folder} can be written.`);
  return [exposed, room, checkLock(folder, pid)];
}

function checkLock(folder: string, pid: number): Check {
  if (!existsSync(join(folder, lockFile))) return ok('lock', 'No agent has run on this state folder.');
  try {
    lockState(folder, pid).release();
    return ok('lock', 'No agent runs on this state folder.');
  } catch (cause) {
    const holder = cause instanceof Failure ? cause.details['pid'] : null;
    return ok(
      'lock',
      `An agent runs on this state folder${holder === null ? '' : ` (process ${String(holder)})`}.`,
    );
  }
}

export interface IdentityFinding {
  readonly checks: readonly Check[];
  readonly identity: StoredIdentity | null;
}

export function checkIdentity(folder: string, now: number): IdentityFinding {
  const name = 'identity';
  let identity: StoredIdentity | null;
  try {
    identity = readIdentity(folder);
  } catch (cause) {
    return {
      checks: [
        failed(
          name,
          (cause as Error).message,
          'Restore the file from a backup of this very agent, or enrol anew.',
        ),
      ],
      identity: null,
    };
  }
  if (identity === null) {
    const mend =
      'wayside-agent enroll --server https://host:7402 --name NAME, with the token on standard input.';
    return { checks: [failed(name, `${folder} holds no identity.`, mend)], identity };
  }
  const { agent, organization, project } = identity;
  const who = ok(name, `${agent.name} (${agent.id}) of organization ${organization}, project ${project}.`, [
    `fingerprint of its key, for \`wayside agent approve\`: ${keyFingerprint(identity)}`,
  ]);
  return { checks: [who, checkCertificate(identity, now)], identity };
}

/** Whether the heads of the audit trail that this agent keeps agree with one another (rules.md 32). */
export function checkHeads(folder: string): Check {
  const name = 'audit heads';
  const { heads, conflicts } = readKeptHeads(folder);
  if (conflicts.length > 0) {
    return failed(
      name,
      `The audit trail of the control plane has contradicted a head that is kept here, ${conflicts.length} times.`,
      'Ask who operates the control plane whether its data was put back by hand; see wayside-agent heads.',
    );
  }
  const [newest] = readAll(heads).slice(-1);
  if (newest === undefined) return skipped(name, 'None is kept yet; they come while the agent is connected.');
  const { number, position } = newest.head;
  return ok(name, `${heads.length} kept, the newest is number ${number} at event ${position}.`);
}

function checkCertificate(identity: StoredIdentity, now: number): Check {
  const name = 'certificate';
  const chain = readCertificates(identity.certificate_chain);
  const anchors = readCertificates(identity.root);
  const details = chain.map(({ subject, validTo }) => `${subject.replaceAll('\n', ', ')} until ${validTo}`);
  if (!isChain(chain, anchors)) {
    return failed(
      name,
      'The chain of this agent does not lead to its root.',
      'Enrol anew with --replace.',
      details,
    );
  }
  const { notBefore, notAfter } = certificateLife(identity);
  if (now < notBefore) {
    return failed(name, 'The certificate is not valid yet.', 'Set the clock of this machine.', details);
  }
  if (now > notAfter) {
    const mend =
      'Ask for a recovery token (wayside agent recovery-token NAME) and run: wayside-agent enroll --recover --token-file FILE';
    return failed(name, `The certificate expired at ${new Date(notAfter).toISOString()}.`, mend, details);
  }
  const hours = ((notAfter - now) / hourMs).toFixed(1);
  const found = `Generation ${identity.generation}, good for ${hours} hours more.`;
  return now > notBefore + (notAfter - notBefore) * 0.8
    ? warning(
        name,
        found,
        'It should have been renewed by now: see the connection below and the log of the agent.',
      )
    : ok(name, found, details);
}

/** Reads only, so that it may be done while the agent runs. */
export function checkJournal(folder: string): Check {
  const name = 'journal';
  const path = join(folder, 'journal.log');
  let bytes: Buffer;
  try {
    bytes = readFileSync(path);
  } catch (cause) {
    return (cause as NodeJS.ErrnoException).code === 'ENOENT'
      ? skipped(name, 'There is none yet: the agent has not run.')
      : failed(name, `${path} cannot be read.`, 'Give it to the user of the agent.');
  }
  const { records, damage, torn } = scanRecords(bytes, journalRecordBytesMax);
  if (damage.length > 0) {
    const places = damage.map(({ offset, bytes: count }) => `${count} bytes at ${offset}`);
    const mend =
      'The next start keeps a copy and reports what it cannot tell as interrupted. Check the disk.';
    return failed(name, `${path} is damaged in the middle.`, mend, places);
  }
  if (torn > 0) {
    return warning(
      name,
      `The last record of ${path} is not whole.`,
      'The next start removes it; nothing that had begun is lost.',
    );
  }
  return ok(name, `${records.length} records, ${bytes.length} bytes, all whole.`);
}

export function checkMemory(registry: Registry | null): Check {
  const { advice } = leaveMemoryOutOfDumps();
  const shared = registry !== null && registry.settings.runAs === null;
  const all = shared
    ? [...advice, 'Set run_as in the agent block, so that commands do not run as the agent itself.']
    : advice;
  return all.length === 0
    ? ok('hardening', 'Memory is left out of core dumps and only ancestors may trace it.')
    : warning(
        'hardening',
        'Others could come to the memory of the agent more easily than they need.',
        all.join(' '),
      );
}
