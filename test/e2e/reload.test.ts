/** SIGHUP: the agent reads its configuration anew, and goes on with the one that it has where the new one is wrong. */

import { writeFileSync } from 'node:fs';
import test from 'ava';
import { createNetworkNamespace, joinByVeth, removeNetworkNamespaces } from '../support/network-namespace.ts';
import { type Exchange, udpDatagrams } from '../support/traffic.ts';
import { runAgent, startSink, until } from './agent.ts';

const READY = 'Everything is ready. Begin running and processing data.';

test.after.always(removeNetworkNamespaces);

interface Choices {
  readonly receiver: string;
  readonly maxStale: string;
}

const configurationOf = ({ receiver, maxStale }: Choices) => `
receivers:
  ebpf_network: {interfaces: [eth0], ${receiver}, features: [network]}
processors:
  attribute_select: {select: {beyla_network_flow_bytes: {include: [src.address, dst.address, transport]}}}
  delta_to_cumulative: {max_stale: ${maxStale}}
exporters:
  otlp_grpc: {endpoint: 'http://127.0.0.1:4317', tls: {insecure: true}}
service:
  telemetry: {metrics: {level: none}}
  pipelines:
    metrics:
      receivers: [ebpf_network]
      processors: [attribute_select, delta_to_cumulative]
      exporters: [otlp_grpc]
`;

test('series go on over a reload while their processors stay as they are, and begin anew when they change', async (t) => {
  const [client, server] = joinByVeth(createNetworkNamespace(), createNetworkNamespace(), { quiet: true });
  const sink = await startSink(server.namespace);
  t.teardown(sink.stop);
  const first = { receiver: 'cache_active_timeout: 200ms', maxStale: '5m' };
  const { child, said, ended, file } = runAgent(server.namespace, configurationOf(first));
  const readyTimes = (times: number) => until('the agent is ready', () => said().split(READY).length === times + 1);
  const arrived = async ({ request }: Exchange, value: number) => {
    await until('the flow has arrived', () => sink.points().at(-1)?.value === value);
    return { startNs: sink.points().at(-1)?.startNs, bytes: request.wireBytes };
  };
  const send = () => udpDatagrams({ client, server, family: 'ipv4', datagrams: 5, payloadBytes: 100 });
  await readyTimes(1);
  const each = (await send()).request.wireBytes;
  await until('the flow has arrived', () => sink.points().at(-1)?.value === each);
  const begin = sink.points().at(-1)?.startNs;

  writeFileSync(file, configurationOf({ ...first, receiver: 'cache_activ: 1s' }));
  child.kill('SIGHUP');
  await until('the mistake is told', () => said().includes('The new configuration is wrong'));
  t.regex(said(), /has invalid keys: cache_activ\n/);
  const second = await arrived(await send(), 2 * each);
  t.is(second.startNs, begin, 'the agent went on counting');

  writeFileSync(file, configurationOf({ ...first, receiver: 'cache_active_timeout: 300ms' }));
  child.kill('SIGHUP');
  await readyTimes(2);
  const third = await arrived(await send(), 3 * each);
  t.is(third.startNs, begin, 'its processors have not changed');

  writeFileSync(file, configurationOf({ ...first, maxStale: '6m' }));
  child.kill('SIGHUP');
  await readyTimes(3);
  const fourth = await arrived(await send(), each);
  t.true((fourth.startNs ?? 0n) > (begin ?? 0n));

  child.kill('SIGTERM');
  t.is((await ended).code, 0);
});
