/** Writes metrics to a file, in the formats of the collector's file exporter. The queue and its retries are core/queue. */

import { defineExporter, type Host } from '../../core/component/define.ts';
import { WeirError } from '../../core/errors.ts';
import { createSendingExporter } from '../../core/queue/sending-queue.ts';
import type { Transport } from '../../core/queue/transport.ts';
import { elsewhere, type FileConfig, problemsOf, schema } from './config.ts';
import { createOpenFiles } from './open-files.ts';
import { filePayloads } from './payloads.ts';

export default defineExporter<FileConfig>({
  type: 'file',
  stability: 'alpha',
  description: 'Writes metrics to a file as OTLP, to be read by a collector or played again by `replay`.',
  config: schema,
  elsewhere,
  validate: problemsOf,
  create(config, host) {
    // Writing to a disk has no time limit: what was begun must be finished or cut back.
    const sending = { ...config, timeout: 0 };
    return createSendingExporter(host, sending, {
      transport: createFileTransport(config, host),
      openEncoder: () => filePayloads(config),
    });
  },
});

function createFileTransport(config: FileConfig, host: Host): Transport {
  const files = createOpenFiles(config, host);
  /** Bodies to one file must not mix, however many consumers there are. */
  let last: Promise<void> = Promise.resolve();

  return {
    async start() {
      // With group_by the files are known when the first window comes.
      if (config.group_by.enabled) return;
      try {
        await (await files.writerOf(config.path)).open();
      } catch (error) {
        throw openError(config.path, `exporters::${host.id}::path`, error as NodeJS.ErrnoException);
      }
    },
    async stop() {
      await last;
      await files.closeAll();
    },
    async send({ body, to = config.path }) {
      const write = last.then(async () => (await files.writerOf(to)).write(body));
      last = write.catch(() => undefined);
      try {
        await write;
        return { outcome: 'accepted', rejectedPoints: 0, message: '' };
      } catch (error) {
        return { outcome: 'retryable', error: `write ${to}: ${reasonOf(error as NodeJS.ErrnoException)}` };
      }
    },
  };
}

/** `ENOSPC: no space left on device, write` is `no space left on device`. */
const reasonOf = ({ message }: NodeJS.ErrnoException) => /^[A-Z]+: ([^,]+)/.exec(message)?.[1] ?? message;

const fixes: Readonly<Record<string, string>> = {
  ENOENT: 'make the directory, or set create_directory: true',
  EACCES: 'let the user that the agent runs as write there, or choose another path',
  EPERM: 'let the user that the agent runs as write there, or choose another path',
  EROFS: 'choose a path on a file system that can be written, such as a volume',
  EISDIR: 'write the path of a file, not of a directory',
  ENOTDIR: 'a part of the path is a file: choose another directory',
};

function openError(file: string, path: string, cause: NodeJS.ErrnoException): WeirError {
  const fix = fixes[cause.code ?? ''] ?? 'choose a path that can be written';
  return new WeirError('component/start', `open ${file}: ${reasonOf(cause)}`, { path, fix, cause });
}
