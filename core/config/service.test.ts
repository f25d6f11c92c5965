import test from 'ava';
import { reportOf } from '../errors.ts';
import { components, good, load, reports } from './components.fake.ts';
import { loadConfig } from './load.ts';

test('unknown keys of a pipeline are reported', (t) => {
  const service = 'service: {pipelines: {metrics: {receivers: [ebpf_network], exporter: [otlp_grpc]}}}\n';
  t.deepEqual(reports({ service }), [
    "error decoding 'service': error decoding 'metrics': has invalid keys: exporter\n  yaml:4:60  service::pipelines::metrics::exporter   did you mean 'exporters'?   [config/unknown-key]",
  ]);
});

test('connectors and extensions may be empty', (t) => {
  t.is(reports({ more: 'connectors: {}\nextensions:\n' }).length, 0);
  const [connector = '', extension = ''] = reports({ more: 'extensions: {pprof: }\nconnectors: {forward: }\n' });
  t.regex(
    extension,
    /^error decoding 'extensions': unknown type: "pprof" for id: "pprof" \(valid values: \[health_check\]\)/,
  );
  t.regex(connector, /^error decoding 'connectors': unknown type: "forward"/);
});

test('extensions are used in the order of the service, by old spellings too, each once', (t) => {
  const use = (extensions: string) => ({
    more: 'extensions: {health_check/b: , health_check/a: , health_check: }\n',
    service: `service: {extensions: ${extensions}, pipelines: {metrics: {receivers: [ebpf_network], processors: [cidr], exporters: [otlp_grpc]}}}\n`,
  });
  const { usedExtensions, extensions, warnings } = load(use('[healthcheck/a, health_check/b]'));
  t.deepEqual(usedExtensions, ['health_check/a', 'health_check/b']);
  t.deepEqual(
    extensions.map(({ id }) => id),
    ['health_check/b', 'health_check/a', 'health_check'],
  );
  t.deepEqual(warnings, ['yaml:5:50: extensions::health_check is configured, but service::extensions has it not']);
  t.deepEqual(reports(use('[health_check, health_check, health_chek]')), [
    'service::extensions: references extension "health_check" multiple times\n  yaml:4:38  service::extensions   name it once   [config/reference]',
    `service::extensions: references extension "health_chek" which is not configured\n  yaml:4:52  service::extensions   did you mean 'health_check'?   [config/reference]`,
  ]);
});

test('a reference to a component of an unknown type is no second mistake', (t) => {
  const service =
    'service: {extensions: [pprof], pipelines: {metrics: {receivers: [ebpf_network], exporters: [otlp_grpc]}}}\n';
  t.is(reports({ service, more: 'extensions: {pprof: }\n' }).length, 1);
});

test('pipelines name configured components, each once', (t) => {
  const service =
    'service: {extensions: [absent], pipelines: {metrics/x: {receivers: [ebpf_netwrk], processors: [cidr, cidr], exporters: [otlp/b]}}}\n';
  t.deepEqual(reports({ service }), [
    `service::pipelines::metrics/x: references receiver "ebpf_netwrk" which is not configured\n  yaml:4:69  service::pipelines::metrics/x   did you mean 'ebpf_network'?   [config/reference]`,
    'service::pipelines::metrics/x: references processor "cidr" multiple times\n  yaml:4:102  service::pipelines::metrics/x   name it once   [config/reference]',
    `service::pipelines::metrics/x: references exporter "otlp/b" which is not configured\n  yaml:4:121  service::pipelines::metrics/x   did you mean 'otlp_grpc'?   [config/reference]`,
    'service::extensions: references extension "absent" which is not configured\n  yaml:4:24  service::extensions   there are no extensions here   [config/reference]',
  ]);
});

test('pipelines need a receiver and an exporter, and a signal that is supported', (t) => {
  const service =
    'service: {pipelines: {metrics: , metrics/a: {exporters: []}, traces: {receivers: [otlp]}, metricz/a: {}, "metrics/": {}}}\n';
  t.deepEqual(
    reports({ service }).map((report) => report.split('\n')[0]),
    [
      'service::pipelines::metrics: must have at least one receiver',
      'service::pipelines::metrics: must have at least one exporter',
      'service::pipelines::metrics/a: must have at least one receiver',
      'service::pipelines::metrics/a: must have at least one exporter',
      'service::pipelines::traces: failed to create "otlp" receiver for data type "traces": telemetry type is not supported',
      'service::pipelines::metricz/a: in "metricz/a" id: unknown pipeline signal: "metricz"',
      'service::pipelines::metrics/: in "metrics/" id: the part after / should not be empty',
    ],
  );
});

test('missing sections are reported together', (t) => {
  t.deepEqual(
    reports({ receivers: '', exporters: 'exporters: {}\n', service: '' }).map((report) => report.split('\n')[0]),
    [
      'no receiver configuration specified in config',
      'no exporter configuration specified in config',
      'service::pipelines: service must have at least one pipeline',
    ],
  );
});

test('an empty configuration and no configuration at all have their own words', (t) => {
  const message = (uris: readonly string[]) =>
    reportOf(t.throws(() => loadConfig({ uris }, components))).split('\n')[0];
  t.is(message(['yaml:']), 'empty configuration file');
  t.is(message(['yaml:{}']), 'empty configuration file');
  t.is(message([]), 'at least one config flag must be provided');
});

test('telemetry chooses level, encoding and the address of the self-metrics', (t) => {
  const telemetry = (block: string) => ({
    service: `${good.service.trimEnd().slice(0, -1)}, telemetry: ${block}}\n`,
  });
  const reader = '{pull: {exporter: {prometheus: {host: 0.0.0.0, port: 9999}}}}';
  t.deepEqual(load(telemetry(`{logs: {level: debug, encoding: json}, metrics: {readers: [${reader}]}}`)).telemetry, {
    logs: { level: 'debug', encoding: 'json' },
    metrics: { level: 'normal', host: '0.0.0.0', port: 9999 },
  });
  t.is(load(telemetry('{metrics: {level: none, readers: []}}')).telemetry.metrics.level, 'none');
  const first = (block: string) => reports(telemetry(block))[0]?.split('\n')[0];
  t.is(
    first('{metrics: {readers: []}}'),
    'service::telemetry::metrics::readers: collector telemetry metrics reader should exist when metric level is not none',
  );
  t.is(first('{logs: {level: loud}}'), `error decoding 'service': 'telemetry.logs.level' unsupported value "loud"`);
  t.is(
    first('{metrics: {readers: [{pull: {exporter: {prometheus: {port: 70000}}}}]}}'),
    "error decoding 'service': 'telemetry.metrics.readers.0.pull.exporter.prometheus.port' invalid port 70000",
  );
});
