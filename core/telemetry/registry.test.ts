import test from 'ava';
import { WeirError } from '../errors.ts';
import { createRegistry } from './registry.ts';

test('counters add up by labels, whatever order the labels come in', (t) => {
  const registry = createRegistry();
  const sent = registry.counter({ name: 'otelcol_exporter_sent_metric_points', help: 'Points sent.' });
  sent.add(2, { exporter: 'debug', data_type: 'metrics' });
  sent.add(3, { data_type: 'metrics', exporter: 'debug' });
  sent.add(5, { exporter: 'otlp_grpc' });
  t.is(
    registry.text(),
    [
      '# HELP otelcol_exporter_sent_metric_points Points sent.',
      '# TYPE otelcol_exporter_sent_metric_points counter',
      'otelcol_exporter_sent_metric_points{data_type="metrics",exporter="debug"} 5',
      'otelcol_exporter_sent_metric_points{exporter="otlp_grpc"} 5',
      '',
    ].join('\n'),
  );
});

test('a gauge keeps its last value, and integers up to 2^53 are written exactly', (t) => {
  const registry = createRegistry();
  const gauge = registry.gauge({ name: 'in_table_bytes', help: 'Bytes.' });
  gauge.set(1);
  gauge.set(2 ** 53 - 1);
  t.regex(registry.text(), /^in_table_bytes 9007199254740991$/m);
});

test('quotes, backslashes and line ends in labels and help are escaped', (t) => {
  const registry = createRegistry();
  registry.gauge({ name: 'odd', help: 'a\\b\nc' }).set(1, { path: 'C:\\"x"\n' });
  t.is(registry.text(), '# HELP odd a\\\\b\\nc\n# TYPE odd gauge\nodd{path="C:\\\\\\"x\\"\\n"} 1\n');
});

test('the same name gives the same instrument, and another kind under it is an error', (t) => {
  const registry = createRegistry();
  const options = { name: 'otelcol_process_uptime', help: 'Seconds.' };
  t.is(registry.counter(options), registry.counter(options));
  const error = t.throws(() => registry.gauge(options), { instanceOf: WeirError });
  t.is(error?.code, 'component/start');
});

test('scrape callbacks run before the values are written', (t) => {
  const registry = createRegistry();
  const rows = registry.gauge({ name: 'rows', help: 'Rows.' });
  let live = 7;
  registry.onScrape(() => rows.set(live));
  t.regex(registry.text(), /^rows 7$/m);
  live = 8;
  t.regex(registry.text(), /^rows 8$/m);
});

test('a metric without values is not written', (t) => {
  const registry = createRegistry();
  registry.counter({ name: 'never', help: 'Never.' });
  t.is(registry.text(), '');
});

test('what a component published ends with it, and what others published stays', (t) => {
  const registry = createRegistry();
  const gauge = { name: 'queue_size', help: 'Requests.' };
  const [leaves, stays] = [registry.part(), registry.part()];
  stays.gauge(gauge).set(2, { exporter: 'b' });
  leaves.gauge(gauge).set(1, { exporter: 'a' });
  leaves.onScrape(() => leaves.gauge(gauge).set(3, { exporter: 'a' }));
  t.regex(registry.text(), /exporter="a"} 3/);
  leaves.close();
  t.is(registry.text(), '# HELP queue_size Requests.\n# TYPE queue_size gauge\nqueue_size{exporter="b"} 2\n');
});
