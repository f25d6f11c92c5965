/** A sampled agent: what leaves is scaled up and near the truth, and the ledger has every packet, before scaling. */

import test from 'ava';
import { udpFrame } from '../support/frames.ts';
import { sendFrame } from '../support/native.ts';
import { createNetworkNamespace, joinByVeth, removeNetworkNamespaces } from '../support/network-namespace.ts';
import { startAgent, startSink, sumsBy } from './agent.ts';

const PACKETS = 200_000;
const RATIO = 20;
/** Standard deviations of the binomial distribution: what lies beyond never happens. */
const SIGMAS = 10;
const sources = ['tc', 'socket_filter'];
const FLOW = ['src.port', 'dst.port', 'sampling.ratio'];

test.after.always(removeNetworkNamespaces);

const config = (source: string) => `
receivers:
  ebpf_network: {source: ${source}, sampling: ${RATIO}, cache_active_timeout: 100ms}
processors:
  attribute_select:
    select:
      beyla_network_flow_bytes: {include: [${FLOW}]}
      beyla_network_flow_packets: {include: [${FLOW}]}
exporters:
  otlp_http: {endpoint: http://127.0.0.1:4318}
service:
  pipelines:
    metrics: {receivers: [ebpf_network], processors: [attribute_select], exporters: [otlp_http]}
`;

const number = (text: string | undefined) => Number(text?.replaceAll(',', ''));

for (const source of sources) {
  test.serial(`with sampling, flows are scaled up and the ledger at exit is exact: ${source}`, async (t) => {
    const options = { offload: false, quiet: true };
    const [here, peer] = joinByVeth(createNetworkNamespace(), createNetworkNamespace(), options);
    const sink = await startSink(here.namespace);
    t.teardown(sink.stop);
    const before = here.namespace.statistics(here.name);
    const agent = await startAgent(here.namespace, config(source));
    const frame = udpFrame({ src: peer.ipv4, dst: here.ipv4, srcPort: 5000, dstPort: 53, payloadBytes: 100 });
    sendFrame({ networkNamespace: peer.namespace.name, interface: peer.name, frame, count: PACKETS });
    const after = here.namespace.statistics(here.name);
    const { code, stderr } = await agent.stop();
    t.is(code, 0, stderr);

    const packets = sumsBy(sink.points(), 'beyla.network.flow.packets', FLOW).get(`5000 53 ${RATIO}`)!;
    const bytes = sumsBy(sink.points(), 'beyla.network.flow.bytes', FLOW).get(`5000 53 ${RATIO}`)!;
    const taken = packets / RATIO;
    t.true(Math.abs(taken - PACKETS / RATIO) < SIGMAS * Math.sqrt((PACKETS / RATIO) * (1 - 1 / RATIO)), `${taken}`);
    t.is(bytes, packets * frame.length);

    const figures = /seen (\S+) B {2}(\S+) pkt {3}exported (\S+)(?: B)? {3}filtered (\S+)(?: B)? {3}sampled (\S+) B/;
    const [, seenBytes, seenPackets, exported, filtered, sampled] = figures.exec(stderr) ?? [];
    const crossed = after.rxBytes + after.txBytes - before.rxBytes - before.txBytes;
    t.is(number(seenBytes), crossed);
    t.is(number(seenPackets), after.rxPackets + after.txPackets - before.rxPackets - before.txPackets);
    t.is(number(exported) + number(filtered) + number(sampled), crossed);
    t.true(number(exported) >= taken * frame.length);
    t.true(number(sampled) >= (PACKETS - taken) * frame.length);
  });
}
