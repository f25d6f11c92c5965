/**
 * A bpf file system of a test's own, outside of /sys: `ip netns exec` gives commands another /sys, with a bpf file system
 * that nobody else sees. It goes with the test, with the process, or at the latest with the next test run; with it go the
 * pins in it, and what they held.
 */

import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, rmdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const NAME_PREFIX = 'weir-bpf-';

const mounted = new Set<string>();

/** Its path. */
export function mountBpfFileSystem(): string {
  if (mounted.size === 0) {
    removeLeft();
    process.once('exit', unmountBpfFileSystems);
  }
  const path = mkdtempSync(join(tmpdir(), `${NAME_PREFIX}${process.pid}-`));
  execFileSync('mount', ['-t', 'bpf', 'bpf', path]);
  mounted.add(path);
  return path;
}

export function unmountBpfFileSystems(): void {
  for (const path of mounted) unmount(path);
  mounted.clear();
}

function unmount(path: string): void {
  try {
    execFileSync('umount', ['--lazy', path], { stdio: 'ignore' });
  } catch {
    // It was never mounted: the run was killed in between.
  }
  rmdirSync(path);
}

/** Of runs that were killed. */
function removeLeft(): void {
  for (const name of readdirSync(tmpdir())) {
    const owner = new RegExp(`^${NAME_PREFIX}(\\d+)-`).exec(name)?.[1];
    if (owner !== undefined && !existsSync(`/proc/${owner}`)) unmount(join(tmpdir(), name));
  }
}
