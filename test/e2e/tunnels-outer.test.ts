/**
 * `tunnels: outer` where a connection is translated on its way into the tunnel, and where agents are killed meanwhile:
 * nothing of what is inside is a flow, and what carries it is all that leaves.
 */

import { setTimeout as delay } from 'node:timers/promises';
import test from 'ava';
import { mountBpfFileSystem, unmountBpfFileSystems } from '../support/bpf-file-system.ts';
import { NFT, removeNetworkNamespaces, type VethEnd } from '../support/network-namespace.ts';
import { tcpTransfer, udpDatagrams } from '../support/traffic.ts';
import { type Sink, startAgent, startSink, sumsBy, until } from './agent.ts';
import { leftBehind, METRIC, received } from './pinned.ts';
import { addressIn, addTunnel, carried, figuresAtExit, type Node, twoNodes } from './tunnel-nodes.ts';

const SERVICE = { address: '10.96.0.10', port: 80 } as const;
const NODE_PORT = 30_080;
const TCP_BYTES = 500_000;

test.after.always(() => {
  removeNetworkNamespaces();
  unmountBpfFileSystems();
});

const config = (keys: string) => `
receivers: {ebpf_network: {tunnels: outer, cache_active_timeout: 100ms, ${keys}}}
processors:
  attribute_select:
    select:
      beyla_network_flow_bytes: {include: [transport, src.address, src.port, dst.address, dst.port, iface, tunnel]}
exporters:
  otlp_grpc:
    endpoint: 127.0.0.1:4317
    tls: {insecure: true}
    retry_on_failure: {initial_interval: 50ms, max_interval: 100ms}
service:
  telemetry: {metrics: {level: none}}
  pipelines: {metrics: {receivers: [ebpf_network], processors: [attribute_select], exporters: [otlp_grpc]}}
`;

function joined(): readonly [Node, Node] {
  const [node, remote] = twoNodes(false);
  addTunnel(node, remote.uplink, 1);
  addTunnel(remote, node.uplink, 2);
  return [node, remote];
}

/** A Service whose pod is behind the tunnel, and a port of the node for one of its own; the node shows itself there. */
function translate({ namespace, pod }: Node, remotePod: VethEnd, transport: string, serverPort: number): void {
  namespace.run(
    NFT,
    `flush ruleset
    table ip translation {
      chain incoming {
        type nat hook prerouting priority -100;
        ip daddr ${SERVICE.address} ${transport} dport ${SERVICE.port} dnat to ${remotePod.ipv4}:${serverPort};
        ip daddr ${addressIn(1)} ${transport} dport ${NODE_PORT} dnat to ${pod.ipv4}:${serverPort};
      }
      chain leaving { type nat hook postrouting priority 100; oifname vxlan0 masquerade; }
    }`,
  );
}

const bytesOver = ({ namespace, uplink }: Node) => {
  const read = () => {
    const { rxBytes, txBytes } = namespace.statistics(uplink.name);
    return rxBytes + txBytes;
  };
  const before = read();
  return () => read() - before;
};

/** Of what the tests send: the kernel's own reports of groups are no part of it. */
const SENT = ['TCP', 'UDP'];

const flowsInside = (sink: Sink) => {
  const inside = sink
    .points()
    .filter(({ attributes }) => attributes.tunnel === undefined && SENT.includes(String(attributes.transport)));
  return [...sumsBy(inside, METRIC, ['src.address', 'dst.address', 'iface'])];
};

for (const nat of ['conntrack', 'none']) {
  test.serial(`a connection that is translated on its way into the tunnel, with nat: ${nat}`, async (t) => {
    const [node, remote] = joined();
    const sink = await startSink(node.namespace);
    t.teardown(sink.stop);
    const agent = await startAgent(node.namespace, config(`nat: ${nat}`));
    const crossed = bytesOver(node);
    const family = 'ipv4' as const;
    for (const [transport, transfer] of [
      ['tcp', (way: Parameters<typeof udpDatagrams>[0]) => tcpTransfer({ ...way, bytes: TCP_BYTES })],
      ['udp', (way: Parameters<typeof udpDatagrams>[0]) => udpDatagrams(way)],
    ] as const) {
      const dial = (address: string, port: number) => (serverPort: number) => {
        translate(node, remote.pod, transport, serverPort);
        return { address, port };
      };
      const amounts = { family, datagrams: 100, payloadBytes: 500 };
      const toService = dial(SERVICE.address, SERVICE.port),
        toNode = dial(addressIn(1), NODE_PORT);
      await transfer({ ...amounts, client: node.pod, server: remote.pod, dial: toService });
      await transfer({ ...amounts, client: remote.pod, server: node.pod, dial: toNode });
    }
    const { code, stderr } = await agent.stop();
    t.is(code, 0, stderr);
    t.is(carried(sink.points(), 'vxlan').bytes, crossed());
    // Without conntrack nobody can tell that what left is what came in.
    if (nat === 'none') t.true(flowsInside(sink).length > 0);
    else t.deepEqual(flowsInside(sink), []);
    for (const name of ['vxlan0', node.uplink.name]) {
      const [seen, exported, filtered] = ['seen', 'exported', 'filtered'].map(
        (figure) => figuresAtExit(stderr, name, figure)[0],
      );
      t.is(seen, exported! + filtered!, name);
    }
  });
}

test.serial(
  'agents that are killed while a pod sends into the tunnel export what carries it and nothing else',
  async (t) => {
    t.timeout(180_000);
    const [node, remote] = joined();
    const sink = await startSink(node.namespace);
    t.teardown(sink.stop);
    const pinPath = `${mountBpfFileSystem()}/weir`;
    const yaml = config(`pin_path: ${pinPath}`);
    let agent = await startAgent(node.namespace, yaml);
    const crossed = bytesOver(node);
    let running = true;
    const traffic = (async () => {
      while (running) {
        const amount = { datagrams: 200, payloadBytes: 100 };
        await udpDatagrams({ client: node.pod, server: remote.pod, family: 'ipv4', ...amount });
      }
    })();
    for (let kill = 0; kill < 6; kill++) {
      const before = sink.points().length;
      await until('windows arrive', () => sink.points().length > before);
      await agent.kill();
      await delay(50 * kill);
      agent = await startAgent(node.namespace, yaml);
      t.regex(agent.said(), /Took over a table that was counting/);
    }
    running = false;
    await traffic;
    const { code, stderr } = await agent.stop();
    t.is(code, 0, stderr);
    t.deepEqual(flowsInside(sink), []);
    t.is(received(sink.points()).bytes.get(node.uplink.name), crossed());
    t.is(await leftBehind(node.namespace, pinPath), 0);
  },
);
