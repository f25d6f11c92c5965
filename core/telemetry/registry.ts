/** The registry behind the self-metrics: keeps counters and gauges by name and labels, writes them as Prometheus text. */

import { WeirError } from '../errors.ts';
import type { Counter, Gauge, Labels, MetricOptions, MetricRegistry } from './metrics.ts';

export interface PrometheusRegistry extends MetricRegistry {
  /** Runs the scrape callbacks, then gives every metric in the order of its first mention, in the text format 0.0.4. */
  text(): string;
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
  const callbacks: (() => void)[] = [];

  const instrument = (kind: Kind, options: MetricOptions): Counter & Gauge => {
    const known = families.get(options.name);
    if (known !== undefined && known.kind !== kind) {
      throw new WeirError('component/start', `metric ${options.name} is a ${known.kind}, asked for as a ${kind}`, {
        fix: 'give one of the two another name',
      });
    }
    const family = known ?? createFamily(kind, options);
    families.set(options.name, family);
    return family.instrument;
  };

  return {
    counter: (options) => instrument('counter', options),
    gauge: (options) => instrument('gauge', options),
    onScrape: (callback) => void callbacks.push(callback),
    text() {
      for (const callback of callbacks) callback();
      return [...families.values()].map(familyText).join('');
    },
  };
}

function createFamily(kind: Kind, options: MetricOptions): Family {
  const values = new Map<string, number>();
  return {
    options,
    kind,
    values,
    instrument: {
      add(value, labels) {
        const key = labelText(labels);
        values.set(key, (values.get(key) ?? 0) + value);
      },
      set: (value, labels) => void values.set(labelText(labels), value),
      remove: (labels) => void values.delete(labelText(labels)),
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
