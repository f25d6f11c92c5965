/** What holds for every exporter with a `tls` block. */

import test from 'ava';
import { certificateFiles, createCertificate } from './certificate.ts';
import { tableOf } from './metric-tables.ts';
import type { StartExporter } from './otlp-exporter.ts';
import { type OtlpSink, startOtlpSink } from './otlp-sink.ts';
import { until } from './until.ts';

export function testRenewedTls(startExporter: StartExporter, endpointOf: (sink: OtlpSink) => string): void {
  test('with reload_interval a certificate is accepted that is in the file now and was not at the start', async (t) => {
    const certificate = createCertificate('IP:127.0.0.1');
    const sink = await startOtlpSink({ tls: certificate });
    const files = certificateFiles(t, createCertificate('IP:127.0.0.1'));
    const tls = { ca_file: files.certFile, reload_interval: '500ms' };
    const { exporter, clock, host } = await startExporter({ endpoint: endpointOf(sink), tls });
    exporter.export([tableOf([{ attributes: {}, value: 1 }])]);
    await clock.untilSleeping(1000);
    files.write(certificate);
    clock.advance(500);
    await until('the files are read', () => host.log.some(({ message }) => message.startsWith('The TLS files')));
    clock.advance(500);
    await exporter.stop?.();
    t.deepEqual(
      sink.points.map(({ value }) => value),
      [1],
    );
    await sink.close();
  });
}
