/** A device without Ethernet headers under the whole agent: a tun, with packets that come in and answers that leave. */

import test from 'ava';
import { ipv4, udp } from '../support/frames.ts';
import { openTun, type Tun } from '../support/native.ts';
import { createNetworkNamespace, disableIpv6, removeNetworkNamespaces } from '../support/network-namespace.ts';
import { until } from './agent.ts';
import { everySource, FLOW, observe, sourceNames, totalsBy } from './every-source.ts';

test.after.always(removeNetworkNamespaces);

const HERE = '10.201.0.1';
const THERE = '10.201.0.2';
const DATAGRAMS = 50;
const ECHOES = 10;
const ECHO_BYTES = 20 + 8 + 56;

/** Answers every ICMP echo request that left by the device. */
function answerEchoes(tun: Tun): number {
  let answered = 0;
  for (let packet = tun.read(); packet !== undefined; packet = tun.read()) {
    if (packet[0] !== 0x45 || packet[9] !== 1 || packet[20] !== 8) continue;
    packet.set([...packet.subarray(16, 20), ...packet.subarray(12, 16)], 12);
    // Addresses change places and the type falls from 8 to 0: only the ICMP checksum moves, by as much.
    const checksum = ((packet[22]! << 8) | packet[23]!) + 0x0800;
    const folded = (checksum & 0xffff) + (checksum >> 16);
    packet.set([0, 0, folded >> 8, folded & 0xff], 20);
    tun.write(packet);
    answered += 1;
  }
  return answered;
}

test('packets of a tun device are flows, counted from the IP header on, both ways, by every source', async (t) => {
  const namespace = createNetworkNamespace();
  const tun = openTun(namespace.name, 'tun0');
  t.teardown(tun.close);
  // Else the kernel asks for routers as the device comes up, before the agent counts.
  disableIpv6(namespace, 'tun0');
  namespace.run('ip', 'link', 'set', 'tun0', 'up');
  namespace.run('ip', 'address', 'add', `${HERE}/24`, 'dev', 'tun0');
  const datagram = ipv4({ src: THERE, dst: '10.201.0.9', protocol: 17 }, udp(5000, 53, new Uint8Array(200)));
  const run = await observe(t, namespace, everySource(', interfaces: [tun0]', ['iface']), async () => {
    for (let sent = 0; sent < DATAGRAMS; sent++) tun.write(datagram);
    const ping = namespace.spawn('ping', ['-q', '-c', String(ECHOES), '-i', '0.01', '-s', '56', THERE]);
    let answered = 0;
    await until('every echo is answered', () => {
      answered += answerEchoes(tun);
      return answered === ECHOES && ping.exitCode === 0;
    });
  });
  const flows: [string, number, number][] = [
    [`UDP ${THERE} 5000 10.201.0.9 53 tun0`, DATAGRAMS, DATAGRAMS * datagram.length],
    [`ICMP ${HERE} - ${THERE} - tun0`, ECHOES, ECHOES * ECHO_BYTES],
    [`ICMP ${THERE} - ${HERE} - tun0`, ECHOES, ECHOES * ECHO_BYTES],
  ];
  const { rxBytes, txBytes } = namespace.statistics('tun0');
  for (const source of sourceNames) {
    const { packets, bytes } = totalsBy(run, source, [...FLOW, 'iface']);
    for (const [flow, packetCount, byteCount] of flows) {
      t.is(packets.get(flow), packetCount, `packets of ${flow} by ${source}`);
      t.is(bytes.get(flow), byteCount, `bytes of ${flow} by ${source}`);
    }
    const total = [...bytes.values()].reduce((sum, value) => sum + value, 0);
    t.is(total, rxBytes + txBytes, `what the device itself counted, by ${source}`);
  }
});
