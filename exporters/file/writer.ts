/**
 * One file that requests are added to: opened when it is needed, cut back to its last whole request when a write fails,
 * and put aside at a size (rotation.ts). Rejections are those of the file system.
 */

import { type FileHandle, mkdir, open } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { FileConfig } from './config.ts';
import { type Rotation, rotate } from './rotation.ts';

const BYTES_PER_MEGABYTE = 1024 * 1024;
const DEFAULT_DIRECTORY_MODE = '0755';

export interface FileWriter {
  /** Makes sure that the file can be written; the first time it is emptied, unless it is to be kept. */
  open(): Promise<void>;
  /** Adds these bytes, all or none. */
  write(body: Uint8Array): Promise<void>;
  /** It is opened again by the next write, and keeps what it holds. */
  close(): Promise<void>;
}

interface OpenFile {
  readonly handle: FileHandle;
  /** Pipes and devices cannot be cut back. */
  readonly regular: boolean;
  /** Up to the last whole request. */
  size: number;
}

export function createWriter(
  path: string,
  config: Pick<FileConfig, 'append' | 'rotation' | 'create_directory' | 'directory_permissions'>,
  rotation: Rotation,
): FileWriter {
  const maxBytes = config.rotation === null ? Infinity : config.rotation.max_megabytes * BYTES_PER_MEGABYTE;
  let file: OpenFile | undefined;
  let keeps = config.append || config.rotation !== null;

  async function opened(): Promise<OpenFile> {
    if (file !== undefined) return file;
    if (config.create_directory) {
      const mode = Number.parseInt(config.directory_permissions || DEFAULT_DIRECTORY_MODE, 8);
      await mkdir(dirname(path), { recursive: true, mode });
    }
    const handle = await open(path, 'a');
    try {
      const stat = await handle.stat();
      const regular = stat.isFile();
      if (!keeps && regular) await handle.truncate(0);
      file = { handle, regular, size: keeps ? stat.size : 0 };
    } catch (error) {
      await handle.close();
      throw error;
    }
    keeps = true;
    return file;
  }

  async function close(): Promise<void> {
    const last = file;
    file = undefined;
    await last?.handle.close();
  }

  return {
    async open() {
      await opened();
    },
    async write(body) {
      let current = await opened();
      if (current.size > 0 && current.size + body.length > maxBytes) {
        await close();
        await rotate(path, rotation);
        current = await opened();
      }
      try {
        for (let from = 0; from < body.length; ) {
          from += (await current.handle.write(body, from)).bytesWritten;
        }
        current.size += body.length;
      } catch (error) {
        // Half a request would be read as a broken one; a handle that failed may be of no use any more.
        if (current.regular) await current.handle.truncate(current.size).catch(() => undefined);
        await close().catch(() => undefined);
        throw error;
      }
    },
    close,
  };
}
