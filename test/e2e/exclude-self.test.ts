/**
 * An agent that exports over an interface that it counts: its own connections are no flows, whatever becomes of them, and
 * the ledger has each of their packets as `self`, which the interface's counters confirm, since nothing else uses it.
 */

import type { ChildProcess } from 'node:child_process';
import { setTimeout as delay } from 'node:timers/promises';
import test, { type ExecutionContext } from 'ava';
import { createCertificate } from '../support/certificate.ts';
import {
  createNetworkNamespace,
  joinByVeth,
  type NetworkNamespace,
  NFT,
  removeNetworkNamespaces,
  type VethEnd,
} from '../support/network-namespace.ts';
import { type Sink, startAgent, startSink, until } from './agent.ts';
import { at, closes, meter, scrape } from './ledger-figures.ts';

const DIRECTIONS = ['ingress', 'egress'] as const;
const UNITS = ['bytes', 'packets'] as const;
const PATIENCE_MS = 20_000;
const POLL_MS = 100;

test.after.always(removeNetworkNamespaces);

interface Topology {
  readonly agent: NetworkNamespace;
  /** The two ends of the wire to the servers. */
  readonly uplink: VethEnd;
  readonly sink: VethEnd;
  /** On another wire of the agent, so that there is something to export. */
  startTraffic(): ChildProcess;
}

function topology(): Topology {
  const agent = createNetworkNamespace();
  const options = { offload: false, quiet: true };
  const [uplink, sink] = joinByVeth(agent, createNetworkNamespace(), options);
  const [inner, outer] = joinByVeth(agent, createNetworkNamespace(), options);
  return {
    agent,
    uplink,
    sink,
    startTraffic: () => outer.namespace.spawn('ping', ['-q', '-i', '0.05', inner.ipv4], { stdio: 'ignore' }),
  };
}

/** An address behind the uplink where nobody answers. */
function blackHole({ agent, uplink, sink }: Topology): string {
  const address = sink.ipv4.replace(/\.\d+$/, '.77');
  agent.run('ip', 'neighbour', 'replace', address, 'lladdr', sink.mac, 'dev', uplink.name, 'nud', 'permanent');
  return address;
}

const config = (exporters: Readonly<Record<string, string>>, receiver = '') => `
receivers:
  ebpf_network: {cache_active_timeout: 50ms${receiver}}
processors:
  attribute_select: {select: {beyla_network_flow_bytes: {include: [iface, transport, src.port, dst.port, direction]}}}
exporters:
${Object.entries(exporters)
  .map(([id, block]) => `  ${id}: ${block}`)
  .join('\n')}
service:
  pipelines:
    metrics: {receivers: [ebpf_network], processors: [attribute_select], exporters: [${Object.keys(exporters)}]}
`;

const retry = 'retry_on_failure: {initial_interval: 200ms, max_interval: 400ms, randomization_factor: 0}';

/** Waits until the ledger has as much of the uplink as its own counters; every scrape on the way closes. */
async function settled(t: ExecutionContext, agent: NetworkNamespace, counted: ReturnType<typeof meter>) {
  const deadlineMs = performance.now() + PATIENCE_MS;
  for (;;) {
    const truth = counted();
    const figures = await scrape(agent);
    closes(t, figures);
    const seen = DIRECTIONS.map((way) => at(figures, 'seen_bytes_total', `eth0 ${way}`));
    if (seen[0] === truth.ingress.bytes && seen[1] === truth.egress.bytes) return { truth, figures };
    if (performance.now() > deadlineMs) throw new Error(`seen ${seen}, and the interface ${JSON.stringify(truth)}`);
    await delay(POLL_MS);
  }
}

const received = (sink: Sink, from = 0) => {
  const count = sink.points().length;
  return until('more windows arrived', () => sink.points().length > count + from);
};

for (const secure of [false, true]) {
  const title = `what the agent sends to its servers is no flow, but in the ledger${secure ? ', with TLS' : ''}`;
  test.serial(title, async (t) => {
    const ends = topology();
    const { agent, uplink, sink } = ends;
    const certificate = secure ? createCertificate(`IP:${sink.ipv4}`) : undefined;
    const place = { address: sink.ipv4, ...(certificate === undefined ? {} : { tls: certificate }) };
    const tls = certificate === undefined ? '{insecure: true}' : '{insecure_skip_verify: true}';
    const counted = meter(uplink);
    const exporters = {
      otlp_grpc: `{endpoint: '${sink.ipv4}:4317', tls: ${tls}, ${retry}}`,
      otlp_http: `{endpoint: '${secure ? 'https' : 'http'}://${sink.ipv4}:4318', tls: ${tls}, ${retry}}`,
      'otlp_http/nobody': `{endpoint: 'http://${blackHole(ends)}:4318', timeout: 700ms, ${retry}}`,
    };
    const traffic = ends.startTraffic();
    // Nobody listens yet: the first connections are refused.
    const running = await startAgent(agent, config(exporters));
    await until('a connection was refused', () => /ECONNREFUSED/.test(running.said()));
    const first = await startSink(sink.namespace, place);
    await received(first, 20);
    const points = first.points();
    first.stop();
    await until('the server is missed', () => running.said().split('ECONNREFUSED').length > 4);
    const second = await startSink(sink.namespace, place);
    await received(second, 20);
    await until('the black hole was tried again', () => /no answer within|timed out/.test(running.said()));

    traffic.kill();
    const { truth, figures } = await settled(t, agent, counted);
    points.push(...second.points());
    t.true(points.length > 40);
    t.deepEqual(
      points.filter(({ attributes }) => attributes.transport === 'TCP' || attributes.iface === 'eth0'),
      [],
    );
    for (const direction of DIRECTIONS) {
      for (const unit of UNITS) {
        const hook = `eth0 ${direction}`;
        t.is(figures.get(`filtered_${unit}_total`)?.get(`${hook} self`), truth[direction][unit], `${unit} of ${hook}`);
        t.is(at(figures, `seen_${unit}_total`, hook), truth[direction][unit]);
        t.is(at(figures, `exported_${unit}_total`, hook), 0);
      }
    }
    t.is((await running.stop()).code, 0);
    second.stop();
  });
}

test.serial('what the agent sends to a Service is left out by what it dialled', async (t) => {
  const ends = topology();
  const { agent, uplink, sink } = ends;
  const service = '10.96.0.20';
  agent.run('ip', 'route', 'add', service, 'via', sink.ipv4);
  agent.run(
    NFT,
    `table inet translation {
      chain local { type nat hook output priority -100; ip daddr ${service} tcp dport 80 dnat ip to ${sink.ipv4}:4318; }
    }`,
  );
  const server = await startSink(sink.namespace, { address: sink.ipv4 });
  const counted = meter(uplink);
  const running = await startAgent(agent, config({ otlp_http: `{endpoint: 'http://${service}:80', ${retry}}` }));
  const traffic = ends.startTraffic();
  await received(server, 20);
  traffic.kill();
  const { truth, figures } = await settled(t, agent, counted);
  t.deepEqual(
    server.points().filter(({ attributes }) => attributes.transport === 'TCP'),
    [],
  );
  for (const direction of DIRECTIONS) {
    t.is(figures.get('filtered_bytes_total')?.get(`eth0 ${direction} self`), truth[direction].bytes, direction);
  }
  t.is((await running.stop()).code, 0);
  server.stop();
});

test.serial('with exclude_self: false the connections of the agent are flows as any other', async (t) => {
  const ends = topology();
  const { agent, uplink, sink } = ends;
  const server = await startSink(sink.namespace, { address: sink.ipv4 });
  const counted = meter(uplink);
  const exporters = { otlp_grpc: `{endpoint: '${sink.ipv4}:4317', tls: {insecure: true}, ${retry}}` };
  const running = await startAgent(agent, config(exporters, ', exclude_self: false'));
  const traffic = ends.startTraffic();
  await received(server, 20);
  traffic.kill();
  const own = server.points().filter(({ attributes }) => attributes.transport === 'TCP');
  t.true(own.length > 0);
  for (const { attributes } of own) {
    t.is(attributes.iface, 'eth0');
    t.is(attributes[attributes.direction === 'request' ? 'dst.port' : 'src.port'], 4317);
  }
  const figures = await scrape(agent);
  t.is(at(figures, 'filtered_bytes_total', 'eth0 egress self'), 0);
  t.true(counted().egress.bytes >= at(figures, 'exported_bytes_total', 'eth0 egress'));
  t.is((await running.stop()).code, 0);
  server.stop();
});
