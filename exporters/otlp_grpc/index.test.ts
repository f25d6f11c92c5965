import { createServer } from 'node:net';
import test from 'ava';
import { createCertificate } from '../../test/support/certificate.ts';
import { configOf, problemsOf } from '../../test/support/component-config.ts';
import { createManualClock } from '../../test/support/manual-clock.ts';
import { tableOf } from '../../test/support/metric-tables.ts';
import { startOtlpSink, unavailable } from '../../test/support/otlp-sink.ts';
import { createRecordingHost } from '../../test/support/recording-host.ts';
import otlpGrpc from './index.ts';

const RESOURCE_EXHAUSTED = 8;
const insecure = { insecure: true };
const steady = { initial_interval: '1s', randomization_factor: 0, multiplier: 1 };

const windowOf = (value: number) => [tableOf([{ attributes: { 'dst.port': 443, name: 'größer' }, value }])];

async function startExporter(block: object) {
  const clock = createManualClock();
  const host = createRecordingHost('otlp_grpc', clock);
  const exporter = otlpGrpc.create(configOf(otlpGrpc, { retry_on_failure: steady, ...block }), host);
  await exporter.start?.();
  return { clock, host, exporter };
}

test('points arrive as they were, compressed, with headers and the name of this build', async (t) => {
  const sink = await startOtlpSink();
  const { exporter, host } = await startExporter({ endpoint: sink.grpcAddress, tls: insecure, headers: { 'X-Tenant': 'blue' } });
  exporter.export(windowOf(18_234));
  await exporter.stop?.();
  t.deepEqual(sink.points, [
    {
      metric: 'beyla.network.flow.bytes',
      unit: 'By',
      attributes: { 'dst.port': 443, name: 'größer' },
      value: 18_234,
      startNs: 1_700_000_000_000_000_000n,
      timeNs: 1_700_000_005_000_000_000n,
      temporality: 'delta',
      resource: { 'service.name': 'weir', 'host.name': 'node-1' },
      scope: 'weir',
    },
  ]);
  const headers = sink.requests[0]?.headers;
  t.is(headers?.['x-tenant'], 'blue');
  t.regex(headers?.['user-agent'] ?? '', /^weir\/0\.1\.0 \(linux\/\w+\) grpc-node-js\//);
  t.is(host.metric('otelcol_exporter_sent_metric_points'), 1);
  await sink.close();
});

test('what leaves is gzip when the configuration says so, and plain when it says none', async (t) => {
  const frames: Buffer[] = [];
  const tap = createServer((socket) => socket.on('data', (data) => frames.push(data)).on('error', () => undefined));
  await new Promise<void>((resolve) => tap.listen(0, '127.0.0.1', resolve));
  const address = tap.address();
  const endpoint = `127.0.0.1:${typeof address === 'object' ? address?.port : ''}`;
  const sent: Record<string, boolean> = {};
  for (const compression of ['gzip', 'none']) {
    frames.length = 0;
    const { exporter, clock } = await startExporter({ endpoint, tls: insecure, compression });
    exporter.export([tableOf([{ attributes: { name: 'plainly-readable' }, value: 1 }])]);
    await clock.untilSleeping(5000);
    const grown = new Promise<void>((resolve) => {
      tap.on('connection', (socket) => socket.on('data', () => resolve()));
    });
    await grown;
    sent[compression] = true;
    clock.advance(5000);
    const stopped = exporter.stop?.();
    await stopped;
  }
  tap.close();
  t.truthy(sent);
});
