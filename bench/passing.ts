/**
 * What a gateway spends on a request of metrics that are no flows: from the body that came to the body that leaves, with
 * `k8s_attributes` finding its pod among 1,000 by the connection and adding six attributes. Beside it, in the same rounds,
 * decoding and encoding the same request with protobufjs, as whoever reads every point must. Medians of interleaved rounds.
 */

import { MetricEncoder } from '../core/otlp/encode.ts';
import { partProto } from '../core/otlp/part-proto.ts';
import k8sAttributes, { createK8sAttributes } from '../processors/k8s_attributes/index.ts';
import { wishOf } from '../processors/k8s_attributes/wish.ts';
import { configOf } from '../test/support/component-config.ts';
import { everyKind, protobufOf } from '../test/support/every-kind.ts';
import { openKubernetesApi } from '../test/support/kubernetes-api.ts';
import { followCluster } from '../test/support/kubernetes-harness.ts';
import { pod } from '../test/support/kubernetes-objects.ts';
import { decodeRequest, encodeRequest } from '../test/support/otlp-protos.ts';
import { createRecordingHost } from '../test/support/recording-host.ts';

const PODS = 1000;
const ROUNDS = 31;
const POINTS = [10, 1000];

const addressOf = (i: number) => `10.244.${i >> 8}.${i & 255}`;

/** Histograms as an SDK sends them: 15 buckets, five attributes, a metric for every ten points. */
function requestOf(points: number): Buffer {
  const request = everyKind({ 'service.name': 'checkout', 'telemetry.sdk.language': 'nodejs' });
  const attributes = ['http.request.method', 'url.scheme', 'http.route', 'server.address', 'network.protocol.version'];
  const point = (i: number) => ({
    startTimeUnixNano: '1700000000000000000',
    timeUnixNano: '1700000010000000000',
    count: '120',
    sum: 3.5,
    bucketCounts: Array.from({ length: 16 }, (_, at) => String(at)),
    explicitBounds: Array.from({ length: 15 }, (_, at) => at / 10),
    attributes: attributes.map((key) => ({ key, value: { stringValue: `${key} of ${i % 100}` } })),
  });
  const metrics = Array.from({ length: Math.ceil(points / 10) }, (_, at) => ({
    name: `http.server.duration.${at}`,
    unit: 's',
    histogram: { aggregationTemporality: 2, dataPoints: Array.from({ length: 10 }, (_, i) => point(at * 10 + i)) },
  }));
  const [entry] = request.resourceMetrics;
  const scopeMetrics = [{ ...entry!.scopeMetrics[0], metrics }];
  return protobufOf({ resourceMetrics: [{ ...entry, scopeMetrics }] });
}

const median = (values: readonly number[]) => values.toSorted((a, b) => a - b)[values.length >> 1]!;

function microseconds(repeats: number, run: () => void): number {
  const start = performance.now();
  for (let i = 0; i < repeats; i++) run();
  return ((performance.now() - start) * 1000) / repeats;
}

async function main(): Promise<void> {
  const api = await openKubernetesApi();
  for (let i = 0; i < PODS; i++) {
    const owner = { kind: 'ReplicaSet', name: `app-${i % 50}-5d78c` };
    const labels = { 'pod-template-hash': '5d78c' };
    api.put(pod({ name: `app-${i % 50}-5d78c-${i}`, node: `node-${i % 20}`, ips: [addressOf(i)], owner, labels }));
  }
  const config = configOf(k8sAttributes, { flow: { enabled: false } });
  const { store, stop } = followCluster({ url: api.url, scope: wishOf(config, {}).scope });
  const nowhere = 'http://127.0.0.1:1';
  const processor = createK8sAttributes(config, createRecordingHost('k8s_attributes'), {
    environment: {},
    servers: { aws: nowhere, gcp: nowhere, azure: nowhere },
    addresses: () => [],
    stores: { request: () => ({ start: async () => store, stop: async () => {}, isAlone: false }) },
  });
  await processor.start?.();
  const encoder = new MetricEncoder();
  let next = 0;
  const pass = (body: Buffer, named: boolean) => {
    const { others } = partProto(body, addressOf(next++ % PODS));
    const tables = named ? others.map((table) => processor.resourceMetrics!(table)) : others;
    for (const { body } of encoder.encode(tables, () => {})) if (body.length === 0) throw new Error('nothing left');
  };
  console.log('points  bytes    passed µs  named µs  read µs  read/named');
  for (const points of POINTS) {
    const body = requestOf(points);
    const repeats = Math.ceil(20_000 / points);
    const ways = {
      passed: () => pass(body, false),
      named: () => pass(body, true),
      read: () => void encodeRequest(decodeRequest(body)),
    };
    const rounds = { passed: [] as number[], named: [] as number[], read: [] as number[] };
    for (let round = 0; round < ROUNDS; round++) {
      for (const way of ['passed', 'named', 'read'] as const) {
        rounds[way].push(microseconds(way === 'read' ? Math.ceil(repeats / 20) : repeats, ways[way]));
      }
    }
    const [passed, named, read] = [median(rounds.passed), median(rounds.named), median(rounds.read)];
    const numbers = [passed, named, read].map((value) => value.toFixed(1).padStart(9)).join(' ');
    console.log(
      `${String(points).padEnd(7)} ${String(body.length).padEnd(8)} ${numbers}  ${(read / named).toFixed(1)}`,
    );
  }
  await processor.stop?.();
  await stop();
  await api.close();
}

await main();
