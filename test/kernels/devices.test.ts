/**
 * Kinds of devices that not every kernel has: what a packet through one of them counts, with the programs on every
 * leaf device of the host. Each row sends pings from one host to the other; the agent runs on the first.
 */

import test from 'ava';
import { startAgent } from '../e2e/agent.ts';
import {
  createNetworkNamespace,
  joinByVeth,
  type NetworkNamespace,
  removeNetworkNamespaces,
} from '../support/network-namespace.ts';

test.after.always(removeNetworkNamespaces);

const ECHOES = 10;
const PAYLOAD_BYTES = 56;
/** Ethernet, IPv4, ICMP, and the payload. */
const FRAME_BYTES = 14 + 20 + 8 + PAYLOAD_BYTES;
const VLAN_TAG_BYTES = 4;
const NEAR = '10.201.0.1';
const FAR = '10.201.0.2';

const CONFIG = `
receivers:
  ebpf_network: {cache_active_timeout: 200ms, protocols: [ICMP]}
processors:
  attribute_select:
    select:
      beyla_network_flow_bytes: {include: [src.address, dst.address, transport]}
      beyla_network_flow_packets: {include: [src.address, dst.address, transport]}
  delta_to_cumulative:
exporters:
  debug: {verbosity: normal}
service:
  telemetry: {metrics: {level: none}}
  pipelines:
    metrics: {receivers: [ebpf_network], processors: [attribute_select, delta_to_cumulative], exporters: [debug]}
`;

type Ip = (...words: string[]) => void;

/** Makes a device on one end of the two wires between the hosts and returns its name. */
type Make = (ip: Ip) => string;

const vlan: Make = (ip) => {
  ip('link', 'add', 'link', 'eth0', 'name', 'tagged', 'type', 'vlan', 'id', '100');
  return 'tagged';
};
const macvlan: Make = (ip) => {
  ip('link', 'add', 'link', 'eth0', 'name', 'mac0', 'type', 'macvlan', 'mode', 'bridge');
  return 'mac0';
};
const bond: Make = (ip) => {
  ip('link', 'add', 'bond0', 'type', 'bond', 'mode', 'balance-rr', 'miimon', '100');
  for (const port of ['eth0', 'eth1']) {
    ip('link', 'set', port, 'down');
    ip('link', 'set', port, 'master', 'bond0');
  }
  return 'bond0';
};

/** Two hosts with two wires between them, and a device of this kind at each end. */
function overWires(make: Make): NetworkNamespace {
  const [near, far] = [createNetworkNamespace(), createNetworkNamespace()];
  joinByVeth(near, far);
  joinByVeth(near, far);
  for (const [namespace, address] of [
    [near, NEAR],
    [far, FAR],
  ] as const) {
    use(
      namespace,
      make((...words) => namespace.run('ip', ...words)),
      address,
    );
  }
  return near;
}

/** Two hosts joined by a pair that the kernel makes for containers in place of veth. */
function overNetkit(): NetworkNamespace {
  const [near, far] = [createNetworkNamespace(), createNetworkNamespace()];
  near.run('ip', 'link', 'add', 'pair', 'type', 'netkit');
  near.run('ip', 'link', 'set', 'nk0', 'netns', far.name);
  use(near, 'pair', NEAR);
  use(far, 'nk0', FAR);
  return near;
}

function use(namespace: NetworkNamespace, name: string, address: string): void {
  namespace.run('ip', 'link', 'set', name, 'up');
  namespace.run('ip', 'address', 'add', `${address}/24`, 'dev', name);
}

/** The last value that was printed of each series, by metric and source. */
function lastPrinted(stdout: string): Record<string, number> {
  const lines = stdout.matchAll(/^.*beyla\.network\.flow\.(bytes|packets)\{src\.address=([\d.]+),[^}]*\} (\d+)/gm);
  return Object.fromEntries([...lines].map(([, metric, source, value]) => [`${metric} from ${source}`, Number(value)]));
}

const cases: { title: string; host: () => NetworkNamespace; frameBytes: number }[] = [
  { title: 'a VLAN', host: () => overWires(vlan), frameBytes: FRAME_BYTES + VLAN_TAG_BYTES },
  { title: 'a bond of two ports', host: () => overWires(bond), frameBytes: FRAME_BYTES },
  { title: 'a macvlan', host: () => overWires(macvlan), frameBytes: FRAME_BYTES },
  { title: 'a netkit pair', host: overNetkit, frameBytes: FRAME_BYTES },
];

for (const { title, host, frameBytes } of cases) {
  test.serial(`packets through ${title} are counted exactly once`, async (t) => {
    const near = host();
    const agent = await startAgent(near, CONFIG);
    near.run('ping', '-q', '-c', String(ECHOES), '-i', '0.01', '-s', String(PAYLOAD_BYTES), FAR);
    const { code, stdout, stderr } = await agent.stop();
    t.is(code, 0, stderr);
    t.deepEqual(lastPrinted(stdout), {
      [`bytes from ${NEAR}`]: ECHOES * frameBytes,
      [`bytes from ${FAR}`]: ECHOES * frameBytes,
      [`packets from ${NEAR}`]: ECHOES,
      [`packets from ${FAR}`]: ECHOES,
    });
  });
}
