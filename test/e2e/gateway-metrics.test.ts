/** Metrics that applications send, which are no flows, through a gateway that tells the pod they come from. */

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import test, { type ExecutionContext } from 'ava';
import { partProto } from '../../core/otlp/part-proto.ts';
import type { ResourceMetricsTable } from '../../core/table/resource-metrics.ts';
import { EVERY_KIND_POINTS, everyKind, protobufOf } from '../support/every-kind.ts';
import type { NetworkNamespace } from '../support/network-namespace.ts';
import { resourceOf } from '../support/one-identity.ts';
import { joined, requestOf } from '../support/otlp-receiver.ts';
import { createTestCluster, type NamedPod, openSmallApi, type TestCluster } from '../support/test-cluster.ts';
import { until } from './agent.ts';
import { scrapeText } from './ledger-figures.ts';

const SENDER = fileURLToPath(new URL('../support/otlp-sender.ts', import.meta.url));

const gateway = (control: string, attributes: string) => `
receivers: {otlp: {protocols: {grpc: {endpoint: '[::]:5317'}, http: {endpoint: '[::]:5318'}}}}
processors:
  k8s_attributes: {${attributes}}
  cidr: {cidrs: [10.0.0.0/8]}
  attribute_select: {select: {'*': {include: [src.address, dst.address]}}}
  filter: {metric_conditions: ['metric.name == "gc.pause"']}
  delta_to_cumulative: {}
  interval: {interval: 100ms}
exporters: {otlp_grpc: {endpoint: ${control}:4317, tls: {insecure: true}}, otlp_http: {endpoint: http://${control}:4318}}
service:
  pipelines:
    metrics:
      receivers: [otlp]
      processors: [k8s_attributes, cidr, attribute_select, filter, delta_to_cumulative, interval]
      exporters: [otlp_grpc, otlp_http]
`;

/** Sends from a namespace, in the way of an application; gives the answer. */
function sending(t: ExecutionContext) {
  const folder = mkdtempSync(join(tmpdir(), 'weir-test-'));
  t.teardown(() => rmSync(folder, { recursive: true }));
  return (from: NetworkNamespace, to: string, by: 'grpc' | 'http' | 'json', request: object | Buffer) => {
    const file = join(folder, 'body');
    const json = by === 'json';
    writeFileSync(file, Buffer.isBuffer(request) ? request : json ? JSON.stringify(request) : protobufOf(request));
    const place = by === 'grpc' ? ['--grpc', `${to}:5317`] : ['--http', `http://${to}:5318/v1/metrics`];
    const said = from.run(process.execPath, SENDER, ...place, '--body', file, ...(json ? ['--json'] : []));
    return JSON.parse(said) as object;
  };
}

/** What arrived at the OTLP server, once a request and exporter; those with flows alone are left out. */
const arrived = ({ sink }: TestCluster): readonly ResourceMetricsTable[] =>
  sink.bodies().flatMap((body) => partProto(body, undefined).others);

const isFrom = ({ ips, object }: NamedPod, table: ResourceMetricsTable) =>
  table.attributes.get('k8s.pod.name') === object.metadata.name && ips.length > 0;

test.serial(
  'by connection, address and uid metrics get the resource attributes of their pod, and nothing else changes',
  async (t) => {
    const cluster = await createTestCluster(openSmallApi);
    const send = sending(t);
    try {
      const [own, other] = cluster.nodes;
      const web = await cluster.addPod(own!, { name: 'web', labels: { team: 'shop' } });
      const far = await cluster.addPod(other!, { name: 'far' });
      const agent = await cluster.startAgent(own!, {
        whole: gateway(
          cluster.control,
          `flow: {enabled: false},
    extract: {metadata: [k8s.pod.name, k8s.pod.uid, k8s.node.name], labels: [{tag_name: team, key: team}]},
    pod_association: [
      {sources: [{from: resource_attribute, name: k8s.pod.uid}]},
      {sources: [{from: resource_attribute, name: k8s.pod.ip}]},
      {sources: [{from: connection}]}]`,
        ),
      });
      await cluster.isKnown(own!, 'Pod');
      const uidOf = (name: string) =>
        (cluster.api.server.put(name === 'web' ? web.object : far.object).metadata.uid ?? '') as string;
      const [webUid, farUid] = [uidOf('web'), uidOf('far')];
      const ofWeb = { 'k8s.pod.name': 'web', 'k8s.pod.uid': webUid, 'k8s.node.name': own!.name, team: 'shop' };
      const ofFar = { 'k8s.pod.name': 'far', 'k8s.pod.uid': farUid, 'k8s.node.name': other!.name };

      const [ipv4 = '', ipv6 = ''] = own!.ips;
      const cases = [
        { from: web, by: 'grpc', to: ipv4, said: { 'service.name': 'a' }, given: ofWeb },
        { from: web, by: 'http', to: ipv4, said: { 'service.name': 'b' }, given: ofWeb },
        { from: far, by: 'grpc', to: `[${ipv6}]`, said: { 'service.name': 'c' }, given: ofFar },
        { from: far, by: 'json', to: `[${ipv6}]`, said: { 'service.name': 'd' }, given: ofFar },
        { from: web, by: 'grpc', to: ipv4, said: { 'k8s.pod.ip': far.ips[0]! }, given: ofFar },
        { from: web, by: 'http', to: ipv4, said: { 'k8s.pod.uid': farUid }, given: ofFar },
        { from: web, by: 'http', to: ipv4, said: { 'k8s.pod.uid': 'nobody', 'k8s.pod.name': 'mine' }, given: {} },
        { from: { namespace: own!.namespace }, by: 'grpc', to: ipv4, said: { 'service.name': 'node' }, given: {} },
      ] as const;
      for (const { from, by, to, said, given } of cases) {
        const before = arrived(cluster).length;
        const answer = send(from.namespace, to, by, everyKind(said));
        if (by === 'grpc') t.like(answer, { code: 0, response: {} });
        else t.like(answer, { status: 200 });
        await until('both exporters have sent it', () => arrived(cluster).length === before + 2);
        const sent = partProto(protobufOf(everyKind(said)), undefined).others[0]!;
        for (const table of arrived(cluster).slice(before)) {
          t.deepEqual(resourceOf(table), { ...given, ...said });
          t.is(table.points, EVERY_KIND_POINTS);
          // JSON is made into protobuf here, whose fields may stand in another order.
          if (by !== 'json') t.true(Buffer.from(table.content).equals(sent.content));
        }
      }
      const ended = await agent.stop();
      t.is(ended.code, 0, ended.stderr);
    } finally {
      await cluster.stop();
    }
  },
);

test.serial(
  'flows and metrics of one request go each their way; what is malformed is refused, and counted',
  async (t) => {
    const cluster = await createTestCluster(openSmallApi);
    const send = sending(t);
    try {
      const [own] = cluster.nodes;
      const web = await cluster.addPod(own!, { name: 'web' });
      await cluster.startAgent(own!, { whole: gateway(cluster.control, '') });
      await cluster.isKnown(own!, 'Pod');
      const [address = ''] = own!.ips;
      const cut = protobufOf(everyKind()).subarray(0, 300);
      t.like(send(web.namespace, address, 'grpc', cut), {
        code: 3,
        details: 'malformed protobuf message: it ends within a field',
      });
      t.like(send(web.namespace, address, 'json', Buffer.from('{"resourceMetrics": [{"scopeMetrics": 1}]}')), {
        status: 400,
        text: JSON.stringify({ code: 3, message: 'scopeMetrics is no list' }),
      });
      const request = JSON.parse(joined(requestOf({ value: 7 }), JSON.stringify(everyKind()), requestOf({ value: 8 })));
      t.like(send(web.namespace, address, 'grpc', request), { code: 0, response: {} });
      await until('the flows arrived', () => cluster.sink.points().some(({ metric }) => metric.includes('flow.bytes')));
      await until('the metrics arrived', () => arrived(cluster).length === 2);
      const flows = cluster.sink.points().filter(({ metric }) => metric === 'beyla.network.flow.bytes');
      t.deepEqual([...new Set(flows.map(({ value }) => value))], [15]);
      t.true(arrived(cluster).every((table) => isFrom(web, table)));
      const figures = await scrapeText(own!.namespace);
      t.regex(figures, /^otelcol_receiver_accepted_metric_points\w*\{[^}]*transport="grpc"[^}]*\} 8$/m);
      t.regex(figures, /^otelcol_receiver_refused_metric_points\w*\{[^}]*transport="grpc"[^}]*\} 0$/m);
      t.regex(figures, /^otelcol_receiver_otlp_refused_requests_total\{[^}]*reason="malformed"[^}]*"grpc"[^}]*\} 1$/m);
    } finally {
      await cluster.stop();
    }
  },
);
