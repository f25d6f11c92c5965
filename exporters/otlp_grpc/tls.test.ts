/** The exporter over TLS. */

import test from 'ava';
import { createCertificate } from '../../test/support/certificate.ts';
import { tableOf } from '../../test/support/metric-tables.ts';
import { starterOf } from '../../test/support/otlp-exporter.ts';
import { startOtlpSink } from '../../test/support/otlp-sink.ts';
import { testRenewedTls } from '../../test/support/tls-cases.ts';
import otlpGrpc from './index.ts';

const startExporter = starterOf(otlpGrpc);
const windowOf = (value: number) => [tableOf([{ attributes: {}, value }])];

testRenewedTls(startExporter, (sink) => sink.grpcAddress);

test('TLS is on by default: a trusted certificate is accepted, an unknown one is not', async (t) => {
  const certificate = createCertificate('IP:127.0.0.1', 'DNS:sink.test');
  const sink = await startOtlpSink({ tls: certificate });
  const trusting = await startExporter({ endpoint: sink.grpcAddress, tls: { ca_pem: certificate.cert } });
  trusting.exporter.export(windowOf(1));
  await trusting.exporter.stop?.();
  t.is(sink.points.length, 1);

  const doubting = await startExporter({ endpoint: sink.grpcAddress });
  doubting.exporter.export(windowOf(2));
  await doubting.clock.untilSleeping(1000);
  t.regex(String(doubting.host.log.at(-1)?.fields.error), /self-signed certificate/i);
  await doubting.exporter.stop?.();

  const careless = await startExporter({ endpoint: sink.grpcAddress, tls: { insecure_skip_verify: true } });
  careless.exporter.export(windowOf(3));
  await careless.exporter.stop?.();
  t.deepEqual(
    sink.points.map((point) => point.value),
    [1, 3],
  );
  await sink.close();
});

test('server_name_override names what the certificate must carry', async (t) => {
  const certificate = createCertificate('DNS:sink.test');
  const sink = await startOtlpSink({ tls: certificate });
  const tls = { ca_pem: certificate.cert, server_name_override: 'sink.test' };
  const { exporter } = await startExporter({ endpoint: sink.grpcAddress, tls });
  exporter.export(windowOf(1));
  await exporter.stop?.();
  t.is(sink.points.length, 1);
  await sink.close();
});

test('http:// leaves TLS on and warns; https:// turns it on even with insecure', async (t) => {
  const certificate = createCertificate('IP:127.0.0.1');
  const sink = await startOtlpSink({ tls: certificate });
  const warned = await startExporter({ endpoint: `http://${sink.grpcAddress}`, tls: { ca_pem: certificate.cert } });
  warned.exporter.export(windowOf(1));
  await warned.exporter.stop?.();
  t.regex(warned.host.log[0]?.message ?? '', /TLS stays on/);

  const forced = await startExporter({
    endpoint: `https://${sink.grpcAddress}`,
    tls: { insecure: true, ca_pem: certificate.cert },
  });
  forced.exporter.export(windowOf(2));
  await forced.exporter.stop?.();
  t.deepEqual(forced.host.log, []);
  t.is(sink.points.length, 2);
  await sink.close();
});

test('a certificate file that is missing stops the start with its path', async (t) => {
  await t.throwsAsync(startExporter({ endpoint: 'localhost:4317', tls: { ca_file: '/nowhere/ca.pem' } }), {
    message: 'failed to load TLS config: cannot read ca_file /nowhere/ca.pem',
  });
});
