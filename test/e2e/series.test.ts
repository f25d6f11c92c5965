/**
 * Cumulative series on real traffic, as a real OTLP server gets them: whatever happens to a series, its growth is what
 * crossed the wire.
 */

import test, { type ExecutionContext } from 'ava';
import { createNetworkNamespace, joinByVeth, removeNetworkNamespaces } from '../support/network-namespace.ts';
import type { ReceivedPoint } from '../support/received-points.ts';
import { udpDatagrams } from '../support/traffic.ts';
import { startAgent, startSink, until } from './agent.ts';

const METRIC = 'beyla.network.flow.bytes';

test.after.always(removeNetworkNamespaces);

const config = (processors: string, keys = '') => `
receivers:
  ebpf_network: {interfaces: [eth0], cache_active_timeout: 100ms}
processors:
  attribute_select:
    features: [network]
    select: {'*': {include: [src.address, dst.address, dst.port, transport]}}
  delta_to_cumulative: {${keys}}
  interval: {interval: 1s}
exporters:
  otlp_grpc: {endpoint: 127.0.0.1:4317, tls: {insecure: true}}
service:
  telemetry: {metrics: {level: none}}
  pipelines:
    metrics: {receivers: [ebpf_network], processors: [${processors}], exporters: [otlp_grpc]}
`;

async function setUp(t: ExecutionContext) {
  const [client, server] = joinByVeth(createNetworkNamespace(), createNetworkNamespace(), { quiet: true });
  const sink = await startSink(server.namespace);
  t.teardown(sink.stop);
  let sent = 0;
  return {
    client,
    server,
    points: () => sink.points().filter(({ metric }) => metric === METRIC),
    sent: () => sent,
    send: async (datagrams: number) => {
      const { request, response, serverPort } = await udpDatagrams({
        client,
        server,
        family: 'ipv4',
        datagrams,
        payloadBytes: 400,
      });
      sent += request.wireBytes + response.wireBytes;
      return { bytes: request.wireBytes, port: serverPort };
    },
  };
}

const keyOf = ({ resource, attributes }: ReceivedPoint) =>
  JSON.stringify([resource['service.instance.id'], attributes]);

/** The points of each series in the order in which they came. */
const bySeries = (points: readonly ReceivedPoint[]) => [...Map.groupBy(points, keyOf).values()];

/** Adds up what series grew by, and checks that each point follows from the one before. */
function growth(t: ExecutionContext, points: readonly ReceivedPoint[]): number {
  let total = 0;
  for (const series of bySeries(points)) {
    for (const [at, point] of series.entries()) {
      t.is(point.temporality, 'cumulative');
      t.true(point.startNs < point.timeNs);
      const before = series[at - 1];
      if (before !== undefined) t.true(point.timeNs > before.timeNs, 'times grow');
      if (before !== undefined && point.startNs === before.startNs) {
        t.true(point.value >= before.value, 'sums grow');
        total += point.value - before.value;
      } else {
        t.true(point.startNs >= (before?.timeNs ?? 0n), 'a reset starts after what was sent before');
        total += point.value;
      }
    }
  }
  return total;
}

const reached = (points: readonly ReceivedPoint[]) => {
  const last = new Map(points.map((point) => [`${keyOf(point)} ${point.startNs}`, point.value]));
  return [...last.values()].reduce((sum, value) => sum + value, 0);
};

test.serial('sums grow window by window, and a restart is a reset that adds no byte and loses none', async (t) => {
  const { server, points, send, sent } = await setUp(t);
  const yaml = config('attribute_select, delta_to_cumulative');
  for (let run = 0; run < 2; run++) {
    const agent = await startAgent(server.namespace, yaml);
    for (let round = 0; round < 3; round++) {
      await send(50);
      await until('the bytes arrive', () => reached(points()) === sent());
    }
    t.is((await agent.stop()).code, 0);
  }
  t.is(growth(t, points()), sent());
  const instances = new Set(points().map(({ resource }) => resource['service.instance.id']));
  t.is(instances.size, 1, 'the same instance before and after the restart');
});

test.serial('a series that goes on keeps its start, and starts with the window of its first packet', async (t) => {
  const { client, server, points, send } = await setUp(t);
  const agent = await startAgent(server.namespace, config('attribute_select, delta_to_cumulative'));
  const ping = (count: number) => client.namespace.run('ping', '-q', '-c', `${count}`, '-i', '0.2', server.ipv4);
  ping(4);
  await until('the first echoes arrive', () => reached(points()) === 2 * 4 * 98);
  const earlier = points();
  await send(5);
  ping(4);
  await agent.stop();
  const isUdp = ({ attributes }: ReceivedPoint) => attributes.transport === 'UDP';
  const echoes = bySeries(points().filter((point) => !isUdp(point)));
  t.is(echoes.length, 2, 'one each way');
  for (const series of echoes) {
    t.is(new Set(series.map(({ startNs }) => startNs)).size, 1);
    t.is(series.at(-1)!.value, 8 * 98);
    t.true(series.length > 2);
  }
  const [first] = points().filter(isUdp);
  t.true(earlier.every(({ timeNs }) => timeNs <= first!.startNs));
});

test.serial('past max_streams the largest series are sent, and the total is exact', async (t) => {
  const { server, points, send, sent } = await setUp(t);
  const agent = await startAgent(server.namespace, config('attribute_select, delta_to_cumulative', 'max_streams: 2'));
  for (const datagrams of [10, 20, 5, 200, 400, 3]) {
    await send(datagrams);
    await until('the bytes arrive', () => reached(points()) === sent());
  }
  await agent.stop();
  t.is(growth(t, points()), sent());
  const values = bySeries(points()).map((series) => series.at(-1)!);
  const overflow = values.find(({ attributes }) => attributes['otel.metric.overflow'] === true);
  t.deepEqual(Object.keys(overflow!.attributes), ['otel.metric.overflow']);
  const largest = values
    .filter((point) => point !== overflow)
    .map(({ value }) => value)
    .toSorted((a, b) => b - a);
  // A window may end while one of them is sent: what came until then, at most what takes a place of 20, is in the overflow.
  for (const [at, datagrams] of [400, 200].entries()) {
    t.true(largest[at]! <= datagrams * 442);
    t.true(largest[at]! >= (datagrams - 25) * 442);
  }
});

test.serial('with interval the latest points are sent in time and at the end, and no byte is missing', async (t) => {
  const { server, points, send, sent } = await setUp(t);
  const agent = await startAgent(server.namespace, config('attribute_select, delta_to_cumulative, interval'));
  for (let round = 0; round < 5; round++) await send(40);
  await until('the interval is over', () => reached(points()) === sent());
  await send(7);
  t.is((await agent.stop()).code, 0);
  t.is(growth(t, points()), sent());
});

test.serial('without either processor deltas leave, of windows that do not overlap', async (t) => {
  const { server, points, send, sent } = await setUp(t);
  const agent = await startAgent(server.namespace, config('attribute_select'));
  for (let round = 0; round < 3; round++) await send(40);
  await agent.stop();
  t.is(
    points().reduce((sum, { value }) => sum + value, 0),
    sent(),
  );
  for (const series of bySeries(points())) {
    for (const [at, point] of series.entries()) {
      t.is(point.temporality, 'delta');
      t.true(point.startNs >= (series[at - 1]?.timeNs ?? 0n), 'windows do not overlap');
    }
  }
});
