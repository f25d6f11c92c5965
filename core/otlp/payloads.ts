/** The payloads of a sending queue as OTLP: encoded once and compressed once, however often they are sent. */

import type { PayloadEncoder } from '../queue/transport.ts';
import { type Compression, compress } from './compression.ts';
import { MetricEncoder } from './encode.ts';

export function otlpPayloads(compression: Compression): PayloadEncoder {
  const encoder = new MetricEncoder();
  return async function* (tables, onOversized) {
    for (const { body, points } of encoder.encode(tables, onOversized)) {
      yield { body: await compress(compression, body), points };
    }
  };
}
