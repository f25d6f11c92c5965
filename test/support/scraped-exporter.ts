/** The exporter of the tests: on a free port, with a clock that they move, and without labels of the sender. */

import { createHash } from 'node:crypto';
import http from 'node:http';
import type { ExecutionContext } from 'ava';
import type { MetricTable } from '../../core/table/metric-table.ts';
import prometheus, { createPrometheusExporter } from '../../exporters/prometheus/index.ts';
import { configOf } from './component-config.ts';
import { createManualClock } from './manual-clock.ts';
import { type Row, tableOf } from './metric-tables.ts';
import { createRecordingHost } from './recording-host.ts';

export const quiet = { attributes: {} };

export async function startExporter(t: ExecutionContext, block: object = {}) {
  const clock = createManualClock();
  const host = createRecordingHost('prometheus', clock);
  const settings = { endpoint: '127.0.0.1:0', without_scope_info: true, ...block };
  const exporter = createPrometheusExporter(configOf(prometheus, settings), host);
  await exporter.start?.();
  t.teardown(() => exporter.stop?.());
  const scrape = async (headers: Record<string, string> = {}) => {
    const response = await fetch(`http://127.0.0.1:${exporter.port()}/metrics`, { headers });
    return { response, text: await response.text() };
  };
  const lines = async (headers?: Record<string, string>) =>
    (await scrape(headers)).text.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
  return { clock, host, exporter, scrape, lines };
}

export const table = (rows: readonly Row[], overrides: Partial<MetricTable> = {}) =>
  tableOf(rows, { resource: quiet, ...overrides });

export const flow = (src: string, dst: string, value: number): Row => ({
  attributes: { 'src.name': src, 'dst.name': dst },
  value,
});

/** Resolves with the headers; nothing of the body is read yet. */
export const openScrape = (port: number): Promise<http.IncomingMessage> =>
  new Promise((resolve, reject) => {
    http.get({ port, host: '127.0.0.1', path: '/metrics', agent: false }, resolve).on('error', reject);
  });

/** What tells one body from another. */
export async function digestOf(response: http.IncomingMessage): Promise<string> {
  const hash = createHash('sha256');
  for await (const part of response) hash.update(part);
  return hash.digest('hex');
}
