/** Wakes receivers that wait until an exporter can take one more table. */

import type { Exporter } from '../component/define.ts';

export interface Room {
  /** Resolves when any exporter says that it has room again, or when the signal aborts. */
  next(signal: AbortSignal): Promise<void>;
}

export function createRoom(exporters: readonly Exporter[]): Room {
  const waiting = new Set<() => void>();
  const wakeAll = () => {
    for (const wake of [...waiting]) wake();
  };
  for (const exporter of exporters) exporter.onRoom(wakeAll);

  return {
    next: (signal) =>
      new Promise((resolve) => {
        const wake = () => {
          waiting.delete(wake);
          signal.removeEventListener('abort', wake);
          resolve();
        };
        if (signal.aborted) {
          resolve();
          return;
        }
        waiting.add(wake);
        signal.addEventListener('abort', wake, { once: true });
      }),
  };
}
