/**
 * The files that are open, the one or, with `group_by`, as many as may be: one more closes the one that was not used for
 * longest. A file that is opened again in the same run keeps what the run wrote.
 */

import type { Host } from '../../core/component/define.ts';
import type { FileConfig } from './config.ts';
import { createWriter, type FileWriter } from './writer.ts';

/** Paths that are remembered as begun in this run, a megabyte or two; files beyond them are never emptied. */
const MAX_BEGUN = 10_000;

export interface OpenFiles {
  /** Rejects when another one cannot be closed. */
  writerOf(path: string): Promise<FileWriter>;
  closeAll(): Promise<void>;
}

export function createOpenFiles(config: FileConfig, { clock, logger }: Host, maxBegun = MAX_BEGUN): OpenFiles {
  const { enabled, max_open_files } = config.group_by;
  /** The one that was not used for longest comes first. */
  const writers = new Map<string, FileWriter>();
  /** Closed in between, they are not begun again. */
  const begun = new Set<string>();
  let isFull = false;
  const rotation = {
    config: config.rotation,
    nowMs: () => Number(clock.nowNs() / 1_000_000n),
    onLeft: (path: string, error: unknown) => logger.warn('Cannot delete an old file.', { path, error }),
  };

  /** Whether to keep what the file holds. */
  function keeps(path: string): boolean {
    if (config.append || begun.has(path)) return true;
    if (begun.size < maxBegun) {
      begun.add(path);
      return false;
    }
    // Emptied, it might lose what this run wrote to it before.
    if (!isFull) logger.warn('So many files are written that further ones keep what they hold from before.', { path });
    isFull = true;
    return true;
  }

  return {
    async writerOf(path) {
      const create_directory = config.create_directory || enabled;
      const writer =
        writers.get(path) ?? createWriter(path, { ...config, append: keeps(path), create_directory }, rotation);
      writers.delete(path);
      writers.set(path, writer);
      for (const [other, oldest] of writers) {
        if (writers.size <= max_open_files) break;
        writers.delete(other);
        await oldest.close();
      }
      return writer;
    },
    async closeAll() {
      for (const writer of writers.values()) await writer.close();
      writers.clear();
    },
  };
}
