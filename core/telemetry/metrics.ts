/** Self-metrics: a registry of counters and gauges, read as Prometheus text at `service.telemetry.metrics`. */

export type Labels = Readonly<Record<string, string>>;

export interface Counter {
  /** Adds a value that is not negative. */
  add(value: number, labels?: Labels): void;
}

export interface Gauge {
  set(value: number, labels?: Labels): void;
}

export interface MetricOptions {
  /** Full name as scraped, such as `otelcol_exporter_sent_metric_points`. */
  readonly name: string;
  readonly help: string;
}

export interface MetricRegistry {
  /** The same name gives the same instrument. */
  counter(options: MetricOptions): Counter;
  gauge(options: MetricOptions): Gauge;
  /** Called at each scrape, before values are written: for figures that live elsewhere. */
  onScrape(callback: () => void): void;
}
