/** The pages of a running agent, read over HTTP inside its namespace while real traffic passes. */

import test from 'ava';
import { createNetworkNamespace, joinByVeth, removeNetworkNamespaces } from '../support/network-namespace.ts';
import { udpDatagrams } from '../support/traffic.ts';
import { startAgent, until } from './agent.ts';

const SECRET = 'never-to-be-seen';

test.after.always(removeNetworkNamespaces);

test.serial(
  'a browser sees the pipelines, the extensions and the operations of the agent, and no secret',
  async (t) => {
    const [client, server] = joinByVeth(createNetworkNamespace(), createNetworkNamespace(), { quiet: true });
    const { namespace } = server;
    const agent = await startAgent(
      namespace,
      `
receivers: {ebpf_network: {interfaces: [eth0], cache_active_timeout: 200ms}}
processors: {attribute_select: , delta_to_cumulative: }
exporters:
  debug:
  otlp_http: {endpoint: 'http://127.0.0.1:4318', headers: {authorization: ${SECRET}}}
extensions: {health_check: , zpages: {expvar: {enabled: true}, response_headers: {x-secret: ${SECRET}}}}
service:
  extensions: [health_check, zpages]
  telemetry: {metrics: {level: none}}
  pipelines:
    metrics: {receivers: [ebpf_network], processors: [attribute_select, delta_to_cumulative], exporters: [debug]}
    metrics/raw: {receivers: [ebpf_network], exporters: [debug, otlp_http]}
`,
    );
    const script = 'process.stdout.write(await (await fetch(process.argv[1])).text())';
    const read = (page: string) =>
      namespace.run(process.execPath, '--eval', script, `http://localhost:55679/debug/${page}`);
    const text = (page: string) =>
      read(page)
        .replaceAll(/<[^>]*>/g, ' ')
        .replaceAll(/ +/g, ' ');

    t.regex(text('servicez'), / State ready /);
    const pipelines = text('pipelinez');
    t.regex(pipelines, / metrics metrics true ebpf_network attribute_select &rarr; delta_to_cumulative debug /);
    t.regex(pipelines, / metrics\/raw metrics false ebpf_network debug otlp_http /);
    t.regex(text('extensionz'), / FullName \s*health_check\s+zpages /);

    await udpDatagrams({ client, server, family: 'ipv4', datagrams: 5, payloadBytes: 100 });
    // Nobody listens at the port of otlp_http, so what it was given stays on its way.
    const passed = [
      / receiver\/ebpf_network\/MetricsReceived 0 /,
      / processor\/attribute_select\/metrics 0 /,
      / processor\/delta_to_cumulative\/metrics 0 /,
      / exporter\/debug\/metrics 0 /,
      / exporter\/otlp_http\/metrics [1-9]/,
    ];
    await until('the window is seen', () => {
      const operations = text('tracez').replaceAll(/\s+/g, ' ');
      return passed.every((line) => line.test(operations)) && / exporter\/debug\/metrics 0 (0 )*[1-9]/.test(operations);
    });
    t.true(JSON.parse(read('expvarz')).memstats.rss > 0);
    for (const page of ['servicez', 'pipelinez', 'extensionz', 'featurez', 'tracez', 'expvarz']) {
      t.false(read(page).includes(SECRET), page);
    }
    const { code } = await agent.stop();
    t.is(code, 0);
  },
);
