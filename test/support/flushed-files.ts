// What a power failure leaves of a database: a small library that is loaded before a process (LD_PRELOAD) keeps, beside
// each file, what of it was on the disk when it was last flushed; after a SIGKILL that takes the file's place. A copy
// takes its name when it is whole: the SIGKILL may come while the next one is made.
import { execFileSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdtempSync, renameSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const shim = `
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static void keep(int fd) {
  char link[64], path[4096], copy[4200], fresh[4300], bytes[65536];
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  ssize_t length = readlink(link, path, sizeof path - 1);
  if (length < 0) return;
  path[length] = 0;
  if (strstr(path, ".db") == NULL) return;
  snprintf(copy, sizeof copy, "%s.flushed", path);
  snprintf(fresh, sizeof fresh, "%s.%d", copy, fd);
  int out = open(fresh, O_WRONLY | O_CREAT | O_TRUNC, 0600);
  off_t at = 0;
  ssize_t got;
  while ((got = pread(fd, bytes, sizeof bytes, at)) > 0 && write(out, bytes, got) == got) at += got;
  close(out);
  rename(fresh, copy);
}

#define FLUSH(name)                                             \\
  int name(int fd) {                                            \\
    int (*real)(int) = (int (*)(int))dlsym(RTLD_NEXT, #name);   \\
    int result = real(fd);                                      \\
    if (result == 0) keep(fd);                                  \\
    return result;                                              \\
  }
FLUSH(fsync)
FLUSH(fdatasync)
`;

/** Compiles the library into a folder and answers its path. Throws where there is no C compiler. */
export function compileShim(folder: string): string {
  const library = join(folder, 'flushed-files.so');
  execFileSync('cc', ['-shared', '-fPIC', '-O1', '-x', 'c', '-', '-o', library, '-ldl'], {
    input: shim,
    stdio: ['pipe', 'ignore', 'ignore'],
  });
  return library;
}

export function hasCompiler(): boolean {
  const folder = mkdtempSync(join(tmpdir(), 'wayside-shim-'));
  try {
    compileShim(folder);
    return true;
  } catch {
    return false;
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** Says that the files are on the disk as they are now, for instance after an orderly end. */
export function keepFlushed(folder: string, names: readonly string[]): void {
  for (const name of names) copyFileSync(join(folder, name), join(folder, `${name}.flushed`));
}

/** Puts what was flushed of each file in its place; a file that never was is gone. */
export function loseUnflushed(folder: string, names: readonly string[]): void {
  for (const name of names) {
    const path = join(folder, name);
    rmSync(path, { force: true });
    if (existsSync(`${path}.flushed`)) renameSync(`${path}.flushed`, path);
  }
}
