/** Puts a file aside under a name with the time, `flows-2022-09-14T05-02-14.173.jsonl`, and deletes old ones. */

import { access, readdir, rename, rm } from 'node:fs/promises';
import { basename, dirname, join, parse } from 'node:path';
import type { RotationConfig } from './config.ts';

const MS_PER_DAY = 86_400_000;

export interface Rotation {
  readonly config: RotationConfig | null;
  /** Milliseconds since the Unix epoch. */
  nowMs(): number;
  /** Hears of old files that could not be deleted. */
  onLeft(path: string, error: unknown): void;
}

/** Rejects when the file cannot be renamed; then it is as it was. */
export async function rotate(path: string, rotation: Rotation): Promise<void> {
  const { config } = rotation;
  if (config === null) return;
  const { name, ext } = parse(path);
  let timeMs = rotation.nowMs();
  const backup = () => join(dirname(path), `${name}-${timestamp(timeMs, config.localtime)}${ext}`);
  // Two within one millisecond must not become one.
  while (await exists(backup())) timeMs++;
  await rename(path, backup());
  await prune(path, config, rotation);
}

/** Newest first by the time in their names. */
async function prune(path: string, { max_backups, max_days, localtime }: RotationConfig, rotation: Rotation) {
  const { name, ext } = parse(path);
  const pattern = /^-(\d{4})-(\d\d)-(\d\d)T(\d\d)-(\d\d)-(\d\d)\.(\d{3})$/;
  const timeOf = (file: string): number | undefined => {
    if (!file.startsWith(name) || !file.endsWith(ext)) return undefined;
    const parts = pattern.exec(file.slice(name.length, file.length - ext.length));
    if (parts === null) return undefined;
    const [year = 0, month = 1, ...rest] = parts.slice(1).map(Number);
    const [day = 1, hour = 0, minute = 0, second = 0, millisecond = 0] = rest;
    const date = [year, month - 1, day, hour, minute, second, millisecond] as const;
    return localtime ? new Date(...date).getTime() : Date.UTC(...date);
  };
  const found = (await readdir(dirname(path)))
    .map((file) => ({ file, timeMs: timeOf(file) }))
    .filter((one): one is { file: string; timeMs: number } => one.timeMs !== undefined && one.file !== basename(path))
    .sort((a, b) => b.timeMs - a.timeMs);
  const oldestMs = max_days === 0 ? -Infinity : rotation.nowMs() - max_days * MS_PER_DAY;
  for (const [place, { file, timeMs }] of found.entries()) {
    if (timeMs >= oldestMs && (max_backups === 0 || place < max_backups)) continue;
    const old = join(dirname(path), file);
    await rm(old, { force: true }).catch((error: unknown) => rotation.onLeft(old, error));
  }
}

function timestamp(timeMs: number, localtime: boolean): string {
  const date = new Date(timeMs);
  const shifted = localtime ? new Date(timeMs - date.getTimezoneOffset() * 60_000) : date;
  return shifted.toISOString().slice(0, 23).replaceAll(':', '-');
}

function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
