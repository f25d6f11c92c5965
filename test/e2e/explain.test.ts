/** `weir explain` on real traffic: the flow that was asked about, with its bytes, and what became of it. */

import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import test from 'ava';
import { createNetworkNamespace, joinByVeth, removeNetworkNamespaces } from '../support/network-namespace.ts';
import { programOf } from '../support/programs.ts';
import { icmpEchoes, udpDatagrams } from '../support/traffic.ts';
import { until } from './agent.ts';

const MAIN = programOf('cli/main.ts');

const config = `yaml:
receivers: {ebpf_network: {interfaces: [eth0], cache_active_timeout: 100ms}}
processors:
  filter: {network: {transport: {match: 'ICMP'}}}
  attribute_select: {select: {'*': {include: [src.address, dst.address, transport]}}}
exporters: {otlp_grpc: {endpoint: '127.0.0.1:1', tls: {insecure: true}}}
service:
  pipelines:
    metrics: {receivers: [ebpf_network], processors: [filter, attribute_select], exporters: [otlp_grpc]}
`;

test.after.always(removeNetworkNamespaces);

test('explain says of live flows what became of them, and calls no exporter', async (t) => {
  const [client, server] = joinByVeth(createNetworkNamespace(), createNetworkNamespace(), { quiet: true });
  const args = [MAIN, 'explain', '--config', config, '--for', '10m', `src=${client.ipv4}`, `dst=${server.ipv4}`];
  const child = server.namespace.spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  const [output, closed] = [text(child.stdout!), once(child, 'close')];
  let log = '';
  child.stderr!.setEncoding('utf8').on('data', (part: string) => {
    log += part;
  });
  await until('the agent is ready', () => log.includes('Everything is ready.'));
  const way = { client, server, family: 'ipv4' } as const;
  const { serverPort, request } = await udpDatagrams({ ...way, datagrams: 10, payloadBytes: 100 });
  icmpEchoes({ ...way, echoes: 3, payloadBytes: 100 });
  // It ends early, with all that was counted until then.
  child.kill('SIGINT');
  const [code] = await closed;
  t.is(code, 0, log);
  const flows = (await output).split('\n\n');
  const udp = flows.find((flow) => flow.includes(`-> ${server.ipv4}:${serverPort}  UDP  request  eth0  ingress`));
  t.true(udp?.includes(`${request.wireBytes.toLocaleString('en-US')} B, 10 packets`), flows.join('\n\n'));
  t.regex(
    udp ?? '',
    /pipeline metrics: dropped by filter\n {4}filter {3}dropped {3}network::transport: transport: \{match: ICMP\}/,
  );
  const icmp = flows.find((flow) => flow.includes('ICMP  request  eth0  ingress'));
  t.true(
    icmp?.includes(
      `pipeline metrics: kept\n    filter   kept   passes network::transport\n    => beyla.network.flow.bytes{src.address=${client.ipv4},dst.address=${server.ipv4},transport=ICMP}`,
    ),
    flows.join('\n\n'),
  );
  t.notRegex(log, /otlp_grpc|Exporting/);
});
