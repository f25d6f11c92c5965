/** Self-metrics: a registry of counters and gauges, read as Prometheus text at `service.telemetry.metrics`. */

export type Labels = Readonly<Record<string, string>>;

interface Instrument {
  /** The series with these labels is no more; where it comes again it begins anew. */
  remove(labels?: Labels): void;
}

export interface Counter extends Instrument {
  /** Adds a value that is not negative. */
  add(value: number, labels?: Labels): void;
}

export interface Gauge extends Instrument {
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
  /** Of a part: the registry that it is a part of, the same for all components of an agent. */
  readonly whole?: MetricRegistry;
}

/** What one component publishes in a registry. */
export interface MetricPart extends MetricRegistry {
  /** The component is gone: its series end, and its callbacks are called no more. */
  close(): void;
}
