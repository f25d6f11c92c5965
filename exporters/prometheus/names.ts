/**
 * Metric and attribute names as Prometheus has them, by the rules of OpenTelemetry's specification ("Prometheus and
 * OpenMetrics Compatibility") as the Collector applies them.
 */

import type { MetricDescriptor } from '../../core/table/metric-table.ts';

export interface MetricNaming {
  /** Goes before every name; empty: nothing does. */
  readonly namespace: string;
  /** False: neither unit nor `_total` is added. */
  readonly suffixes: boolean;
}

/** Words for the units of UCUM that sums have; what is not here stays as it is, as far as its letters allow. */
const unitWords: ReadonlyMap<string, string> = new Map([
  ...Object.entries({ d: 'days', h: 'hours', min: 'minutes', s: 'seconds', ms: 'milliseconds', us: 'microseconds' }),
  ...Object.entries({ ns: 'nanoseconds', By: 'bytes', KBy: 'kilobytes', MBy: 'megabytes', GBy: 'gigabytes' }),
  ...Object.entries({ KiBy: 'kibibytes', MiBy: 'mebibytes', GiBy: 'gibibytes', TiBy: 'tibibytes', bit: 'bits' }),
  ...Object.entries({ '1': '', '%': 'percent', Hz: 'hertz', J: 'joules', W: 'watts' }),
]);

const unitWordsAfterPer: ReadonlyMap<string, string> = new Map(
  Object.entries({ s: 'second', m: 'minute', h: 'hour', d: 'day', w: 'week', mo: 'month', y: 'year' }),
);

/**
 * The name under which a monotonic sum is scraped: words joined by one underscore, the unit's word if the name does not
 * have it yet, and `total`. `beyla.network.flow.bytes` in `By` is `beyla_network_flow_bytes_total`.
 */
export function metricName({ name, unit }: Pick<MetricDescriptor, 'name' | 'unit'>, naming: MetricNaming): string {
  if (!naming.suffixes) return startingWithLetter(withNamespace(wordsOf(name, /[^a-zA-Z0-9:_]+/), naming).join('_'));
  const words = withNamespace(wordsOf(name, /[^a-zA-Z0-9:]+/), naming);
  for (const word of wordsOfUnit(unit)) if (!words.includes(word)) words.push(word);
  return startingWithLetter([...words.filter((word) => word !== 'total'), 'total'].join('_'));
}

/** The name of a label: every run of other characters becomes one underscore, and a name begins with a letter. */
export function labelName(attribute: string): string {
  const name = attribute.replace(/[^a-zA-Z0-9]+/g, '_');
  if (/^\d/.test(name)) return `key_${name}`;
  // What begins with underscores is Prometheus' own: __name__ would rename the series.
  return name.startsWith('_') ? `key${name}` : name;
}

const wordsOf = (text: string, separator: RegExp) => text.split(separator).filter((word) => word !== '');

const withNamespace = (words: readonly string[], { namespace }: MetricNaming) =>
  namespace === '' ? [...words] : [labelName(namespace), ...words];

const startingWithLetter = (name: string) => (/^\d/.test(name) ? `_${name}` : name);

/** `By` gives bytes, `By/s` bytes and per_second, `{packet}` nothing. */
function wordsOfUnit(unit: string): readonly string[] {
  const [main = '', per = ''] = unit.split('/', 2).map((part) => part.replace(/\{[^}]*\}/g, '').trim());
  const words = wordsOf(unitWords.get(main) ?? main, /[^a-zA-Z0-9]+/);
  const after = wordsOf(unitWordsAfterPer.get(per) ?? per, /[^a-zA-Z0-9]+/);
  return after.length === 0 ? words : [...words, 'per', ...after];
}
