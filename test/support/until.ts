/** Waits for what another process or socket does, which no injected clock can bring about. */

import { setTimeout as delay } from 'node:timers/promises';
import { longerWhenEmulated } from './emulated.ts';

const PATIENCE_MS = longerWhenEmulated(60_000);
const POLL_MS = 20;

export async function until(what: string, reached: () => boolean, patienceMs = PATIENCE_MS): Promise<void> {
  const deadlineMs = performance.now() + patienceMs;
  while (!reached()) {
    if (performance.now() > deadlineMs) throw new Error(`waited ${patienceMs} ms until ${what}`);
    await delay(POLL_MS);
  }
}
