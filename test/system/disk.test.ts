// A disk that is full, on either side: a code and a sentence, nothing lost, nothing started that cannot be written
// down; and when there is room again, all goes on. The disks are small file systems in memory, which root can mount.
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, test, vi } from 'vitest';
import { openPresser } from '../support/presser.ts';
import { System, until } from '../support/system.ts';
import { faultyFile, lies } from '../support/truth.ts';

vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 });

interface Disk extends Disposable {
  fill(): void;
  makeRoom(): void;
}

/** Mounts a file system of that size on a folder. Throws where this user may not. */
function mountDisk(folder: string, mebibytes: number): Disk {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${mebibytes}m,mode=700`, 'none', folder], {
    stdio: 'ignore',
  });
  const ballast = join(folder, 'ballast');
  return {
    fill() {
      try {
        writeFileSync(ballast, Buffer.alloc(mebibytes * 1024 * 1024), { flag: 'a' });
      } catch {
        // It is full now; what is left of the last page is taken byte by byte.
      }
      try {
        for (;;) writeFileSync(ballast, Buffer.alloc(512), { flag: 'a' });
      } catch {
        // Full to the last byte.
      }
    },
    makeRoom: () => rmSync(ballast, { force: true }),
    [Symbol.dispose]() {
      execFileSync('umount', ['-l', folder], { stdio: 'ignore' });
    },
  };
}

function canMount(): boolean {
  const folder = mkdtempSync(join(tmpdir(), 'wayside-mount-'));
  try {
    mountDisk(folder, 1)[Symbol.dispose]();
    return true;
  } catch {
    return false;
  } finally {
    rmSync(folder, { recursive: true });
  }
}

describe.runIf(canMount())('a full disk', () => {
  test('of an agent: it takes nothing new and says why; what runs waits for room and is whole in the end', async () => {
    await using system = await System.open({ groups: ['main'] });
    using disk = mountDisk(system.stateFolder('full'), 2);
    const presser = openPresser(system);
    const agent = await system.startAgent('full', { hcl: faultyFile(system) });
    await system.publish();
    const running = await presser.press('lines');
    await until('it prints', async () => (await system.output(running)).includes('line 1'));
    disk.fill();
    // What is left of the journal's last page takes some more records.
    await until('the journal is full', async () => {
      await presser.press('quick');
      await delay(200);
      return agent.stderr().includes('The journal cannot be written');
    });
    const waiting = await presser.press('quick');
    await delay(1_500);
    expect((await system.run(waiting)).state).toBe('queued');
    expect(system.ledger.count(waiting)).toBe(0);
    expect(agent.isAlive()).toBe(true);
    disk.makeRoom();
    expect(await lies(system, presser.presses, { agentDied: false })).toEqual([]);
    await agent.kill('SIGKILL');
  });

  test('of a control plane: presses are refused as long as it lasts, and nothing that was promised is lost', async () => {
    const outside: { disk: Disk | null } = { disk: null };
    await using system = await System.open({
      groups: ['main'],
      prepare: (dataFolder) => {
        outside.disk = mountDisk(dataFolder, 6);
        return Promise.resolve();
      },
    });
    const { disk } = outside;
    if (disk === null) throw new Error('nothing was mounted');
    try {
      const presser = openPresser(system);
      const direct: string[] = [];
      await system.startAgent('patient', { hcl: faultyFile(system) });
      await system.publish();
      await presser.press('lines');
      disk.fill();
      const answer = await until('a press is refused', async () => {
        const path = '/v1/projects/default/actions/quick/runs';
        const pressed = await system.api<{ code: string; id: string }>('POST', path, {});
        if (pressed.status !== 201) return pressed;
        direct.push(pressed.body.id);
        return null;
      });
      expect(answer.status).toBe(503);
      expect(answer.body.code).toBe('store_failed');
      expect(answer.text).toMatch(/disk of the data folder is full/);
      expect((await system.api('GET', '/v1/projects/default/runs')).status).toBe(200);
      disk.makeRoom();
      await presser.press('quick');
      const all = new Map([...presser.presses, ...direct.map((id) => [id, id] as const)]);
      expect(await lies(system, all, { agentDied: false })).toEqual([]);
    } finally {
      await system.stopServer('SIGKILL');
      disk[Symbol.dispose]();
    }
  });
});
