/** The registry behind the self-metrics: keeps counters and gauges by name and labels, writes them as Prometheus text. */

import { WeirError } from '../errors.ts';
import type { Counter, Gauge, Labels, MetricOptions, MetricPart, MetricRegistry } from './metrics.ts';

export interface PrometheusRegistry extends MetricRegistry {
  /** Runs the scrape callbacks, then gives every metric in the order of its first mention, in the text format 0.0.4. */
  text(): string;
  /** For one component, which may be replaced by another while the registry stays. */
  part(): MetricPart;
}

export const prometheusContentType = 'text/plain; version=0.0.4; charset=utf-8';

type Kind = 'counter' | 'gauge';

interface Family {
  readonly options: MetricOptions;
  readonly kind: Kind;
  /** Value by the label text as it is written: `{receiver="ebpf_network"}`, or empty. */
  readonly values: Map<string, number>;
  readonly instrument: Counter & Gauge;
}

export function createRegistry(): PrometheusRegistry {
  const families = new Map<string, Family>();
  const callbacks = new Set<() => void>();

  const familyOf = (kind: Kind, options: MetricOptions): Family => {
    const known = families.get(options.name);
    if (known !== undefined && known.kind !== kind) {
      throw new WeirError('component/start', `metric ${options.name} is a ${known.kind}, asked for as a ${kind}`, {
        fix: 'give one of the two another name',
      });
    }
    const family = known ?? createFamily(kind, options);
    families.set(options.name, family);
    return family;
  };

  const whole: PrometheusRegistry = {
    counter: (options) => familyOf('counter', options).instrument,
    gauge: (options) => familyOf('gauge', options).instrument,
    onScrape: (callback) => void callbacks.add(callback),
    text() {
      for (const callback of callbacks) callback();
      return [...families.values()].map(familyText).join('');
    },
    part: () => partOf(whole, familyOf, callbacks),
  };
  return whole;
}

function partOf(
  whole: MetricRegistry,
  familyOf: (kind: Kind, options: MetricOptions) => Family,
  callbacks: Set<() => void>,
): MetricPart {
  const own = new Set<() => void>();
  const published = new Map<Family, Set<string>>();
  const instrument = (kind: Kind, options: MetricOptions) => {
    const family = familyOf(kind, options);
    const keys = published.get(family) ?? new Set();
    published.set(family, keys);
    return instrumentOf(family.values, keys);
  };
  return {
    whole,
    counter: (options) => instrument('counter', options),
    gauge: (options) => instrument('gauge', options),
    onScrape(callback) {
      own.add(callback);
      callbacks.add(callback);
    },
    close() {
      for (const callback of own) callbacks.delete(callback);
      for (const [{ values }, keys] of published) for (const key of keys) values.delete(key);
    },
  };
}

function createFamily(kind: Kind, options: MetricOptions): Family {
  const values = new Map<string, number>();
  return { options, kind, values, instrument: instrumentOf(values) };
}

/** Writes down in `keys` which values it has set. */
function instrumentOf(values: Map<string, number>, keys?: Set<string>): Counter & Gauge {
  const set = (key: string, value: number) => {
    keys?.add(key);
    values.set(key, value);
  };
  return {
    add(value, labels) {
      const key = labelText(labels);
      set(key, (values.get(key) ?? 0) + value);
    },
    set: (value, labels) => set(labelText(labels), value),
    remove(labels) {
      const key = labelText(labels);
      keys?.delete(key);
      values.delete(key);
    },
  };
}

function familyText({ options, kind, values }: Family): string {
  if (values.size === 0) return '';
  const help = options.help.replaceAll('\\', '\\\\').replaceAll('\n', '\\n');
  const lines = [`# HELP ${options.name} ${help}`, `# TYPE ${options.name} ${kind}`];
  for (const [labels, value] of values) lines.push(`${options.name}${labels} ${value}`);
  return `${lines.join('\n')}\n`;
}

function labelText(labels: Labels = {}): string {
  const pairs = Object.entries(labels).map(([name, value]) => `${name}="${escapeLabel(value)}"`);
  return pairs.length === 0 ? '' : `{${pairs.sort().join(',')}}`;
}

function escapeLabel(value: string): string {
  return value.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n');
}
