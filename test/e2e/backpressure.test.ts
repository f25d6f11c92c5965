/**
 * A backend that refuses costs time resolution, not bytes: the queue fills, the receiver waits, and one longer window
 * brings what was counted meanwhile.
 */

import { setTimeout as delay } from 'node:timers/promises';
import test from 'ava';
import { createNetworkNamespace, joinByVeth, removeNetworkNamespaces } from '../support/network-namespace.ts';
import { udpDatagrams, type WireAmount } from '../support/traffic.ts';
import { startAgent, startSink, sumsBy, until } from './agent.ts';

const WINDOW_MS = 200;
const QUEUE_SIZE = 3;
const REFUSED_WINDOWS = 60;
const FLOW = ['transport', 'src.address', 'src.port', 'dst.address', 'dst.port'];

test.after.always(removeNetworkNamespaces);

const config = (exporter: string) => `
receivers:
  ebpf_network: {interfaces: [eth0], protocols: [UDP], cache_active_timeout: ${WINDOW_MS}ms}
processors:
  attribute_select:
    select:
      beyla_network_flow_bytes: {include: [transport, src.address, src.port, dst.address, dst.port]}
      beyla_network_flow_packets: {include: [transport, src.address, src.port, dst.address, dst.port]}
exporters:
  ${exporter}
    retry_on_failure: {initial_interval: 100ms, max_interval: 200ms}
    sending_queue: {queue_size: ${QUEUE_SIZE}}
service:
  telemetry: {metrics: {level: none}}
  pipelines:
    metrics: {receivers: [ebpf_network], processors: [attribute_select], exporters: [${exporter.split(':')[0]}]}
`;

for (const [title, exporter] of [
  ['gRPC', 'otlp_grpc:\n    endpoint: 127.0.0.1:4317\n    tls: {insecure: true}'],
  ['HTTP', 'otlp_http:\n    endpoint: http://127.0.0.1:4318'],
] as const) {
  test.serial(
    `nothing is lost or sent twice over ${title} when the server refuses ${REFUSED_WINDOWS} windows`,
    async (t) => {
      t.timeout(120_000);
      const options = { quiet: true };
      const [client, server] = joinByVeth(createNetworkNamespace(), createNetworkNamespace(), options);
      const sink = await startSink(server.namespace);
      t.teardown(sink.stop);
      const agent = await startAgent(server.namespace, config(exporter));

      const expected = new Map<string, WireAmount>();
      const send = async () => {
        const way = { client, server, family: 'ipv4', datagrams: 200, payloadBytes: 300 } as const;
        const { clientPort, serverPort, request } = await udpDatagrams(way);
        expected.set(`UDP ${client.ipv4} ${clientPort} ${server.ipv4} ${serverPort}`, request);
      };
      await send();
      sink.refuse();
      const refusedUntilMs = performance.now() + REFUSED_WINDOWS * WINDOW_MS;
      while (performance.now() < refusedUntilMs) {
        await send();
        await delay(WINDOW_MS);
      }
      const acceptedBefore = sink.points().length;
      sink.accept();
      await send();
      await until('the last flow has arrived', () => bytesByFlow().size >= expected.size);
      const ended = await agent.stop();

      t.is(ended.code, 0, ended.stderr);
      const truth = (measure: 'wireBytes' | 'segments') =>
        Object.fromEntries([...expected].map(([flow, amount]) => [flow, amount[measure]]));
      const packets = sumsBy(sink.points(), 'beyla.network.flow.packets', FLOW);
      t.deepEqual(Object.fromEntries(bytesByFlow()), truth('wireBytes'));
      t.deepEqual(Object.fromEntries(packets), truth('segments'));
      const late = sink.points().slice(acceptedBefore);
      const windows = new Map(late.map(({ startNs, timeNs }) => [startNs, Number(timeNs - startNs) / 1e6]));
      const longestMs = Math.max(...windows.values());
      t.true(longestMs > (REFUSED_WINDOWS / 2) * WINDOW_MS, `the longest window took ${longestMs} ms`);

      function bytesByFlow() {
        return sumsBy(sink.points(), 'beyla.network.flow.bytes', FLOW);
      }
    },
  );
}
