/** Metric tables as what a file holds: each request encoded, compressed and framed, with the file that it is for. */

import { normalize } from 'node:path';
import { compress } from '../../core/otlp/compression.ts';
import { MetricEncoder } from '../../core/otlp/encode.ts';
import { createJsonEncoder } from '../../core/otlp/encode-json.ts';
import type { PayloadEncoder } from '../../core/queue/transport.ts';
import { type LeavingTable, resourceAttribute } from '../../core/table/resource-metrics.ts';
import type { FileConfig } from './config.ts';

/** The place of resources that lack the attribute. */
const UNKNOWN_SEGMENT = 'unknown';

export function filePayloads(config: FileConfig): PayloadEncoder {
  const { format, compression } = config;
  const proto = new MetricEncoder();
  const json = createJsonEncoder();
  // As upstream: what is not plain text has its length before it.
  const frame = format === 'json' && compression === '' ? asLine : asBuffer;
  return async function* (tables, onOversized) {
    for (const [to, some] of Map.groupBy(tables, (table) => pathOf(config, table))) {
      for (const { body, points } of format === 'json' ? json(some) : proto.encode(some, onOversized)) {
        yield { body: frame(await compress(compression === 'zstd' ? 'zstd' : 'none', body)), points, to };
      }
    }
  };
}

const asLine = (body: Uint8Array): Uint8Array => Buffer.concat([body, Buffer.from('\n')]);

function asBuffer(body: Uint8Array): Uint8Array {
  const length = Buffer.alloc(4);
  length.writeUInt32BE(body.length);
  return Buffer.concat([length, body]);
}

/** A value that would lead out of the directory of `path` is read as if that were the root. */
export function pathOf({ path, group_by }: Pick<FileConfig, 'path' | 'group_by'>, table: LeavingTable): string {
  if (!group_by.enabled) return path;
  const value = resourceAttribute(table, group_by.resource_attribute);
  const segment = typeof value === 'string' && value !== '' ? value.replaceAll('\0', '') : UNKNOWN_SEGMENT;
  const [before = '', after = ''] = path.split('*');
  const inside = normalize(`/${segment}`).slice(1);
  return `${before}${inside === '' ? UNKNOWN_SEGMENT : inside}${after}`;
}
