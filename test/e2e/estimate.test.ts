/** `weir validate --estimate` on real traffic: the series that a selection makes, without an exporter being called. */

import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import test from 'ava';
import { createNetworkNamespace, joinByVeth, removeNetworkNamespaces } from '../support/network-namespace.ts';
import { programOf } from '../support/programs.ts';
import { icmpEchoes, udpDatagrams } from '../support/traffic.ts';
import { until } from './agent.ts';

const MAIN = programOf('cli/main.ts');

/** Nothing listens at the endpoint: an exporter that is called would say so. */
const config = `yaml:
receivers: {ebpf_network: {interfaces: [eth0], cache_active_timeout: 100ms}}
processors:
  attribute_select:
    select: {'*': {include: [src.address, dst.address, transport]}}
    features: [network]
  filter:
    network: {transport: {match: 'ICMP'}}
exporters: {otlp_grpc: {endpoint: '127.0.0.1:1', tls: {insecure: true}}}
service:
  pipelines:
    metrics: {receivers: [ebpf_network], processors: [attribute_select], exporters: [otlp_grpc]}
    metrics/icmp: {receivers: [ebpf_network], processors: [filter, attribute_select], exporters: [otlp_grpc]}
`;

test.after.always(removeNetworkNamespaces);

test('validate --estimate prints the series of this traffic and what they could become, by pipeline', async (t) => {
  const [client, server] = joinByVeth(createNetworkNamespace(), createNetworkNamespace(), {
    offload: false,
    quiet: true,
  });
  const args = [MAIN, 'validate', '--config', config, '--estimate', '10m'];
  const child = server.namespace.spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  const [output, closed] = [text(child.stdout!), once(child, 'close')];
  let log = '';
  child.stderr!.setEncoding('utf8').on('data', (part: string) => {
    log += part;
  });
  await until('the agent is ready', () => log.includes('Everything is ready.'));
  const way = { client, server, family: 'ipv4' } as const;
  await udpDatagrams({ ...way, datagrams: 10, payloadBytes: 100 });
  icmpEchoes({ ...way, echoes: 3, payloadBytes: 100 });
  // It ends early, with all that was counted until then.
  child.kill('SIGINT');
  const [code] = await closed;
  t.is(code, 0, log);
  const lines = (await output).trimEnd().split('\n');
  t.deepEqual(
    lines.slice(0, 3).map((line) => line.split(/ {2,}/)),
    [
      ['pipeline', 'metric', 'series now', 'at worst', 'values of each attribute'],
      [
        'metrics',
        'beyla.network.flow.bytes',
        '3',
        '8',
        'src.address 2 (careful), dst.address 2 (careful), transport 2',
      ],
      [
        'metrics/icmp',
        'beyla.network.flow.bytes',
        '2',
        '4',
        'src.address 2 (careful), dst.address 2 (careful), transport 1',
      ],
    ],
  );
  t.regex(lines.at(-1)!, /^Seen in \d+\.\d s\. At worst: /);
  t.notRegex(log, /otlp_grpc|exporter/i);
});
