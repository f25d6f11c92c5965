/**
 * Agents on the same `pin_path` that export over an interface they count: the connections of those before are no flows of
 * the next one either, however they ended, and its ledger has each of their packets as `self`.
 */

import test, { type ExecutionContext } from 'ava';
import { mountBpfFileSystem, unmountBpfFileSystems } from '../support/bpf-file-system.ts';
import { udpFrame } from '../support/frames.ts';
import { sendFrame } from '../support/native.ts';
import { createNetworkNamespace, joinByVeth, removeNetworkNamespaces } from '../support/network-namespace.ts';
import { startAgent, startSink, sumsBy, until } from './agent.ts';
import { at, closes, meter, scrape } from './ledger-figures.ts';
import { ledgerOf, leftBehind, METRIC, received } from './pinned.ts';

const DIRECTIONS = ['ingress', 'egress'] as const;
const frame = udpFrame({ src: '192.0.2.1', dst: '198.51.100.1', srcPort: 4000, dstPort: 53, payloadBytes: 100 });

test.after.always(() => {
  removeNetworkNamespaces();
  unmountBpfFileSystems();
});

/** eth0 leads to the server and to nobody else; what comes in at eth1 is there to be exported. */
async function setUp(t: ExecutionContext) {
  const agent = createNetworkNamespace();
  const [uplink, server] = joinByVeth(agent, createNetworkNamespace(), { offload: false, quiet: true });
  const [, outside] = joinByVeth(agent, createNetworkNamespace(), { quiet: true });
  const sink = await startSink(server.namespace, { address: server.ipv4 });
  t.teardown(sink.stop);
  const pinPath = `${mountBpfFileSystem()}/weir`;
  const config = `
receivers:
  ebpf_network: {pin_path: ${pinPath}, cache_active_timeout: 100ms}
processors:
  attribute_select: {select: {beyla_network_flow_bytes: {include: [iface, transport, src.port, dst.port, direction]}}}
exporters:
  otlp_grpc:
    endpoint: ${server.ipv4}:4317
    tls: {insecure: true}
    retry_on_failure: {initial_interval: 50ms, max_interval: 100ms}
service:
  pipelines: {metrics: {receivers: [ebpf_network], processors: [attribute_select], exporters: [otlp_grpc]}}
`;
  let sent = 0;
  const send = (count: number) => {
    sendFrame({ networkNamespace: outside.namespace.name, interface: outside.name, frame, count });
    sent += count * frame.length;
  };
  const arrived = () => sumsBy(sink.points(), METRIC, ['iface', 'transport']);
  const start = () => startAgent(agent, config);
  return { agent, uplink, sink, pinPath, start, send, arrived, sent: () => sent, counted: meter(uplink) };
}

test.serial('after a kill, what an agent had sent and never committed is its own, to the byte', async (t) => {
  const { agent, uplink, sink, pinPath, start, send, arrived, sent, counted } = await setUp(t);
  sink.hold();
  const killed = await start();
  send(5);
  await until('its first window has arrived, and it does not know', () => arrived().get('eth1 UDP') === sent());
  const repeated = sent();
  await killed.kill();
  sink.answer();
  const next = await start();
  send(7);
  await until('all has arrived', () => arrived().get('eth1 UDP') === sent() + repeated);

  let figures = await scrape(agent);
  let truth = counted();
  const seen = () => DIRECTIONS.map((way) => at(figures, 'seen_bytes_total', `${uplink.name} ${way}`));
  // What the last export sent is read with the next window.
  for (let tries = 0; tries < 100 && seen().join() !== [truth.ingress.bytes, truth.egress.bytes].join(); tries++) {
    truth = counted();
    figures = await scrape(agent);
  }
  closes(t, figures);
  for (const direction of DIRECTIONS) {
    const hook = `${uplink.name} ${direction}`;
    for (const unit of ['bytes', 'packets'] as const) {
      t.is(figures.get(`filtered_${unit}_total`)?.get(`${hook} self`), truth[direction][unit], `${unit} of ${hook}`);
    }
    t.is(at(figures, 'exported_bytes_total', hook), 0);
  }
  t.is((await next.stop()).code, 0);
  t.deepEqual([...arrived().keys()], ['eth1 UDP']);
  t.is(await leftBehind(agent, pinPath), 0);
});

test.serial('agents that are killed and stopped one after the other export none of their connections', async (t) => {
  const { agent, uplink, sink, pinPath, start, send, arrived, sent } = await setUp(t);
  let selves = 0;
  for (let run = 0; run < 6; run++) {
    const running = await start();
    send(3 + run);
    await until('it has arrived', () => received(sink.points()).bytes.get('eth1') === sent());
    if (run % 2 === 0) await running.kill();
    else {
      const { code, stderr } = await running.stop();
      t.is(code, 0, stderr);
      const { exported, filtered = 0 } = ledgerOf(stderr, uplink.name);
      t.is(exported, 0, stderr);
      t.true(filtered > 0);
      selves++;
    }
  }
  t.is(selves, 3);
  t.deepEqual([...arrived().keys()], ['eth1 UDP']);
  t.is(received(sink.points()).bytes.get('eth1'), sent());
  t.is(await leftBehind(agent, pinPath), 0);
});
