/**
 * A real Prometheus that scrapes the agent while namespaces send known traffic: the queries of the two talks give what
 * was sent, as they stand and without halving.
 */

import test from 'ava';
import { createNetworkNamespace, joinByVeth, removeNetworkNamespaces } from '../support/network-namespace.ts';
import { type Prometheus, startPrometheus } from '../support/prometheus.ts';
import { udpDatagrams } from '../support/traffic.ts';
import { startAgent, until } from './agent.ts';

const PAYLOAD_BYTES = 300;
/** Samples of a series that a rate is taken over at least. */
const MIN_SAMPLES = 8;
const MAX_ROUNDS = 200;
const TEXT = '127.0.0.1:8889';
const OPEN = '127.0.0.1:8890';
/** Within this range of the past lies all that a test does. */
const RANGE = '1h';

test.after.always(removeNetworkNamespaces);

const config = (servers: readonly string[], clients: readonly string[]) => `
receivers: {ebpf_network: {cache_active_timeout: 200ms, protocols: [UDP], features: [network, network_inter_zone]}}
processors:
  zone:
    cidrs:
${servers.map((address) => `      - {cidr: ${address}/32, zone: us-east-2a}\n`).join('')}
${clients.map((address) => `      - {cidr: ${address}/32, zone: us-east-2b}\n`).join('')}
  attribute_select:
    select:
      beyla_network_flow_bytes: {include: [src.address, dst.address, src.zone, dst.zone]}
exporters:
  prometheus: {endpoint: '${TEXT}', const_labels: {cluster: dev-us-east-0}, metric_expiration: ${RANGE}}
  prometheus/open: {endpoint: '${OPEN}', enable_open_metrics: true, metric_expiration: ${RANGE}}
service:
  telemetry: {metrics: {level: none}}
  pipelines:
    metrics:
      receivers: [ebpf_network]
      processors: [zone, attribute_select]
      exporters: [prometheus, prometheus/open]
`;

/** Three hosts with a wire each to the one where agent and Prometheus run. */
function star() {
  const namespace = createNetworkNamespace();
  const wires = Array.from({ length: 3 }, () => {
    const [server, client] = joinByVeth(namespace, createNetworkNamespace(), { quiet: true });
    return { server, client };
  });
  const yaml = config(
    wires.map(({ server }) => server.ipv4),
    wires.map(({ client }) => client.ipv4),
  );
  return { namespace, wires, yaml };
}

const interZone = 'beyla_network_inter_zone_bytes_total{job="text"}';
const total = `sum(${interZone})`;
const seen = (prometheus: Prometheus, what: string, bytes: number, expression = total) =>
  until(`Prometheus has ${what}`, () => prometheus.valueOf(expression) === bytes);

test.serial('the rates and sums of the talks are those of the traffic, without halving', async (t) => {
  const { namespace, wires, yaml } = star();
  const agent = await startAgent(namespace, yaml);
  const prometheus = await startPrometheus(namespace, { text: [TEXT], open: [OPEN] }, '250ms');
  t.teardown(() => prometheus.stop());

  /** Bytes on the wire, by wire: to the server's zone, and back. */
  const sent = wires.map(() => ({ to: 0, back: 0 }));
  const send = async (wire: number, datagrams: number) => {
    const { server, client } = wires[wire]!;
    const way = { family: 'ipv4', payloadBytes: PAYLOAD_BYTES } as const;
    sent[wire]!.to += (await udpDatagrams({ ...way, client, server, datagrams })).request.wireBytes;
    sent[wire]!.back += (
      await udpDatagrams({ ...way, client: server, server: client, datagrams: 5 })
    ).request.wireBytes;
  };
  const sum = (way: 'to' | 'back') => sent.reduce((bytes, wire) => bytes + wire[way], 0);

  for (const wire of wires.keys()) await send(wire, 1);
  await seen(prometheus, 'the first datagrams', sum('to') + sum('back'));
  const before = { to: sum('to'), back: sum('back') };

  const samples = () => prometheus.query(`${interZone}[${RANGE}]`)[0]?.values?.length ?? 0;
  const atLeast = samples() + MIN_SAMPLES;
  for (let round = 0; round < MAX_ROUNDS && samples() < atLeast; round++) {
    for (const wire of wires.keys()) await send(wire, 20 * (wire + 1));
  }
  await seen(prometheus, 'all datagrams', sum('to') + sum('back'));

  // From the last sample before the traffic to the first one that has all of it.
  const zones = [
    { from: 'us-east-2b', to: 'us-east-2a', first: before.to, last: sum('to') },
    { from: 'us-east-2a', to: 'us-east-2b', first: before.back, last: sum('back') },
  ];
  for (const { from, to, first, last } of zones) {
    const labels = `job="text",src_zone="${from}",dst_zone="${to}"`;
    const [series] = prometheus.query(`beyla_network_inter_zone_bytes_total{${labels}}[${RANGE}]`);
    const all = series?.values ?? [];
    t.true(
      all.every(([, value], at) => at === 0 || Number(value) >= Number(all[at - 1]![1])),
      'a counter never falls',
    );
    const begin = all.findLastIndex(([, value]) => Number(value) === first);
    const end = all.findIndex(([, value]) => Number(value) === last);
    const spanS = all[end]![0] - all[begin]![0];
    // Prometheus reckons on to both ends of the range, by at most 1.1 of the mean distance of the samples.
    const granularity = (2 * 1.1) / (end - begin);
    const rangeMs = Math.ceil(spanS * 1000) + 1;
    const plain = `sum by (cluster, src_zone, dst_zone) (rate(beyla_network_inter_zone_bytes_total{${labels}}[${rangeMs}ms]))`;
    const filtered = plain.replace(labels, `${labels},src_zone!="",dst_zone!=""`);
    const [result] = prometheus.query(plain, all[end]![0]);
    t.deepEqual(result?.metric, { cluster: 'dev-us-east-0', src_zone: from, dst_zone: to });
    t.deepEqual(prometheus.query(filtered, all[end]![0]), [result]);
    const ratio = Number(result?.value?.[1]) / ((last - first) / spanS);
    t.true(ratio > 0.99 && ratio < 1 + granularity, `${ratio} times the true rate, granularity ${granularity}`);
  }

  const pairs = 'sum by (src_address, dst_address) (beyla_network_flow_bytes_total';
  const top = prometheus.query(
    `topk(2, ${pairs}{cluster="dev-us-east-0", dst_zone="us-east-2a", src_zone="us-east-2b"}))`,
  );
  t.deepEqual(
    top.map(({ metric, value }) => ({ ...metric, bytes: Number(value?.[1]) })),
    [2, 1].map((wire) => ({
      src_address: wires[wire]!.client.ipv4,
      dst_address: wires[wire]!.server.ipv4,
      bytes: sent[wire]!.to,
    })),
  );

  t.deepEqual(prometheus.complaints(), [], 'both formats can be read');
  const open = total.replace('text', 'open');
  await seen(prometheus, 'the same by OpenMetrics', sum('to') + sum('back'), open);
  t.is(prometheus.query('beyla_network_inter_zone_bytes_created{job="open"}').length, 2);
  t.is(prometheus.query('target_info{job="text"}').length, 1);
  t.is((await agent.stop()).code, 0);
});

test.serial('an agent that starts again is a reset, and no byte is counted twice', async (t) => {
  const { namespace, wires, yaml } = star();
  const { client, server } = wires[0]!;
  const send = async (datagrams: number) => {
    const exchange = await udpDatagrams({ family: 'ipv4', client, server, datagrams, payloadBytes: PAYLOAD_BYTES });
    return exchange.request.wireBytes;
  };
  const prometheus = await startPrometheus(namespace, { text: [TEXT] }, '250ms');
  t.teardown(() => prometheus.stop());
  let agent = await startAgent(namespace, yaml);
  const first = await send(10);
  await seen(prometheus, 'the first datagrams', first);
  const second = await send(100);
  await seen(prometheus, 'those of the first life', first + second);
  t.is((await agent.stop()).code, 0);

  agent = await startAgent(namespace, yaml);
  const third = await send(50);
  await seen(prometheus, 'those of the second life', third);
  t.is(prometheus.query(interZone).length, 1, 'it is the same series');
  t.is(prometheus.valueOf(`resets(${interZone}[${RANGE}])`), 1);
  // What came on top between the first and the last sample, the reset taken into account.
  const [series] = prometheus.query(`${interZone}[${RANGE}]`);
  const values = (series?.values ?? []).map(([, value]) => Number(value));
  const increase = values.slice(1).reduce((sum, value, at) => {
    const last = values[at]!;
    return sum + (value >= last ? value - last : value);
  }, 0);
  t.is(values[0]! + increase, first + second + third);
  t.is((await agent.stop()).code, 0);
});
