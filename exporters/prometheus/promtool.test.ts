/** What Prometheus' own tool says about our text. */

import test from 'ava';
import { flowBytes } from '../../test/support/metric-tables.ts';
import { checkMetrics } from '../../test/support/prometheus.ts';
import { flow, startExporter, table } from '../../test/support/scraped-exporter.ts';

test('promtool has nothing against what is scraped', async (t) => {
  const { exporter, scrape } = await startExporter(t, {
    without_scope_info: false,
    const_labels: { cluster: 'dev' },
    send_timestamps: true,
  });
  const attributes = { 'service.name': 'flows', 'service.instance.id': 'i-1', 'host.name': 'node "1"\n\\' };
  const packets = {
    name: 'beyla.network.flow.packets',
    description: 'With "quotes",\na line end and \\.',
    unit: '{packet}',
  };
  const rows = [flow('foo', 'b"a\\r\n', 2 ** 53 - 1), flow('größe', 'bar', 0), { attributes: {}, value: 7 }];
  exporter.export([
    table(rows, { resource: { attributes } }),
    table(rows, { metric: packets, resource: { attributes } }),
  ]);
  const { text } = await scrape();
  t.is(text.split('\n').length, 1 + 3 + 2 * 5);
  t.is(checkMetrics(text), '');
});

test('promtool would have told', (t) => {
  t.regex(checkMetrics(`# TYPE ${flowBytes.name} counter\n`), /invalid metric name/);
  t.regex(checkMetrics('# TYPE a_total counter\na_total{x="1"} 1\na_total{x="1"} 2\n'), /./);
});
