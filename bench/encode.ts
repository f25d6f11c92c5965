/**
 * OTLP encoding of known series, in points a second, beside @opentelemetry/otlp-transformer in the same run. Rounds of
 * the two are interleaved and the fastest of each counts, so a busy machine slows both alike.
 */

import { ProtobufMetricsSerializer } from '@opentelemetry/otlp-transformer';
import { MetricEncoder } from '../core/otlp/encode.ts';
import type { MetricTable } from '../core/table/metric-table.ts';
import { tableOf } from '../test/support/metric-tables.ts';
import { transformerInput } from '../test/support/otlp-oracle.ts';

const POINTS = 10_000;
const ROUNDS = 15;
/** Ours is over in a fraction of a millisecond: a round repeats it. */
const REPEATS = 20;

/** Twelve attributes as Kubernetes has them, about 530 bytes a point. */
function flowTable(): MetricTable {
  const pods = Array.from({ length: 100 }, (_, i) => ({
    name: `checkout-service-7d9f8b6c5-${(i * 7919).toString(36).padStart(5, 'x')}`,
    node: `ip-10-0-${i % 20}-${i}.eu-west-1.compute.internal`,
    zone: `eu-west-1${'abc'[i % 3]}`,
    namespace: `team-${i % 8}-production`,
  }));
  const rows = Array.from({ length: POINTS }, (_, i) => {
    const [src, dst] = [pods[i % 100]!, pods[Math.floor(i / 100)]!];
    return {
      attributes: {
        'k8s.src.name': src.name,
        'k8s.src.namespace': src.namespace,
        'k8s.src.owner.name': 'checkout-service',
        'k8s.src.node.name': src.node,
        'src.zone': src.zone,
        'k8s.dst.name': dst.name,
        'k8s.dst.namespace': dst.namespace,
        'k8s.dst.owner.name': 'checkout-service',
        'k8s.dst.node.name': dst.node,
        'dst.zone': dst.zone,
        transport: 'TCP',
        direction: 'request',
      },
      value: 1000 + i * 37,
    };
  });
  return tableOf(rows);
}

const tables = [flowTable()];
const input = transformerInput(tables);
const encoder = new MetricEncoder();

let bodyBytes = 0;
const encodeOurs = () => {
  bodyBytes = 0;
  for (const { body } of encoder.encode(tables, () => {})) bodyBytes += body.length;
};

const elapsedMs = (run: () => void): number => {
  const start = performance.now();
  run();
  return performance.now() - start;
};

let oursMs = Number.POSITIVE_INFINITY;
let transformerMs = Number.POSITIVE_INFINITY;
for (let round = 0; round < ROUNDS; round++) {
  const ours = elapsedMs(() => {
    for (let i = 0; i < REPEATS; i++) encodeOurs();
  });
  oursMs = Math.min(oursMs, ours / REPEATS);
  transformerMs = Math.min(
    transformerMs,
    elapsedMs(() => void ProtobufMetricsSerializer.serializeRequest(input)),
  );
}

const millions = (milliseconds: number) => (POINTS / milliseconds / 1000).toFixed(2);
process.stdout.write(
  `OTLP encode, 12 attributes, ${Math.round(bodyBytes / POINTS)} bytes a point: ` +
    `${millions(oursMs)} M points/s, otlp-transformer ${millions(transformerMs)} M points/s, ` +
    `ratio ${(transformerMs / oursMs).toFixed(1)}\n`,
);
