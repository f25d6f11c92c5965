/** Serves metrics for Prometheus to scrape. Delta points are summed here, so nothing needs to do it before. */

import { defineExporter, type Exporter, type Host } from '../../core/component/define.ts';
import { type ListenAddress, parseListenAddress, shownAddress } from '../../core/network/listen.ts';
import { exporterCounters } from '../../core/queue/counters.ts';
import { isMetricTable, isResourceMetrics, pointsOfAll } from '../../core/table/resource-metrics.ts';
import { type PrometheusConfig, prometheusProblems, prometheusSchema, resourceLabelRule } from './config.ts';
import { createExposition, type Exposition, type Format } from './exposition.ts';
import { labelName } from './names.ts';
import { SeriesStore, type Snapshot } from './series-store.ts';
import { createMetricsServer } from './server.ts';

export default defineExporter<PrometheusConfig>({
  type: 'prometheus',
  stability: 'alpha',
  description: 'Serves metrics for Prometheus to scrape.',
  config: prometheusSchema,
  validate: prometheusProblems,
  create: createPrometheusExporter,
});

/** `port` is of the running server, which took a free one where 0 was asked for. */
export type PrometheusExporter = Exporter & { port(): number };

export function createPrometheusExporter(config: PrometheusConfig, host: Host): PrometheusExporter {
  const counters = exporterCounters(host);
  const store = createStore(config, host);
  const address = parseListenAddress(config.endpoint) as ListenAddress;
  const server = createMetricsServer({ host, config, address, expose: createExpositions(config, host, store) });
  const series = host.metrics.gauge({
    name: 'otelcol_exporter_prometheus_series',
    help: 'Series that a scrape shows, target_info aside.',
  });
  host.metrics.onScrape(() => series.set(store.size, { exporter: host.id }));
  let port = address.port;
  let said = false;
  const refuse = (points: number) => {
    counters.sendFailed(points);
    if (said) return;
    said = true;
    host.logger.warn('Metrics that are no flows are not served to Prometheus; their points count as send_failed.', {
      points,
      fix: 'send them by otlp_grpc or otlp_http',
    });
  };
  return {
    port: () => port,
    async start() {
      port = await server.start();
      host.logger.info('Serving metrics for Prometheus.', {
        endpoint: `${shownAddress({ ...address, port })}/metrics`,
      });
    },
    stop: () => server.stop(),
    hasRoom: () => true,
    onRoom: () => undefined,
    export(tables, onSettled = () => undefined) {
      const served = tables.filter(isMetricTable);
      store.add(served, host.clock.monotonicMs());
      counters.sent(pointsOfAll(served));
      const refused = pointsOfAll(tables.filter(isResourceMetrics));
      if (refused > 0) refuse(refused);
      onSettled(refused > 0 ? 'given_up' : 'delivered');
    },
  };
}

function createStore(config: PrometheusConfig, host: Host): SeriesStore {
  const strategy = config.translation_strategy;
  const suffixes = strategy === '' ? config.add_metric_suffixes : strategy === 'UnderscoreEscapingWithSuffixes';
  const said = new Set<string>();
  return new SeriesStore({
    naming: { namespace: config.namespace, suffixes },
    expirationMs: config.metric_expiration,
    labels: {
      constant: config.const_labels,
      fromResource: resourceLabelRule(config),
      scopeInfo: !config.without_scope_info,
      onCollision(label, names) {
        const key = [label, ...names].join();
        if (said.has(key)) return;
        said.add(key);
        host.logger.warn('Attributes have the same label in Prometheus; their values are joined by ";".', {
          label,
          attributes: names,
        });
      },
    },
  });
}

/** Scrapes of one moment and format share one exposition. */
function createExpositions(config: PrometheusConfig, host: Host, store: SeriesStore): (format: Format) => Exposition {
  let last: Snapshot | undefined;
  const expositions = new Map<Format, Exposition>();
  const namespace = config.namespace === '' ? '' : labelName(config.namespace);
  return (format) => {
    const snapshot = store.snapshot(host.clock.monotonicMs());
    if (snapshot !== last) expositions.clear();
    last = snapshot;
    let exposition = expositions.get(format);
    if (exposition === undefined) {
      exposition = createExposition(snapshot, { format, timestamps: config.send_timestamps, namespace });
      expositions.set(format, exposition);
    }
    return exposition;
  };
}
