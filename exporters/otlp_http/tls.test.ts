/** The exporter over TLS. */

import test from 'ava';
import { createCertificate } from '../../test/support/certificate.ts';
import { tableOf } from '../../test/support/metric-tables.ts';
import { starterOf } from '../../test/support/otlp-exporter.ts';
import { startOtlpSink } from '../../test/support/otlp-sink.ts';
import { testRenewedTls } from '../../test/support/tls-cases.ts';
import otlpHttp from './index.ts';

const startExporter = starterOf(otlpHttp);
const windowOf = (value: number) => [tableOf([{ attributes: {}, value }])];

testRenewedTls(startExporter, (sink) => sink.httpUrl);

test('https checks the certificate', async (t) => {
  const certificate = createCertificate('IP:127.0.0.1');
  const sink = await startOtlpSink({ tls: certificate });
  const trusting = await startExporter({ endpoint: sink.httpUrl, tls: { ca_pem: certificate.cert } });
  trusting.exporter.export(windowOf(1));
  await trusting.exporter.stop?.();
  t.is(sink.points.length, 1);

  const doubting = await startExporter({ endpoint: sink.httpUrl });
  doubting.exporter.export(windowOf(2));
  await doubting.clock.untilSleeping(1000);
  t.regex(String(doubting.host.log.at(-1)?.fields.error), /self-signed certificate/i);
  await doubting.exporter.stop?.();
  t.is(sink.points.length, 1);
  await sink.close();
});
