/**
 * How many series metrics have, and how many they would have if everything that was seen talked to everything that was
 * seen: each source with each destination, in each combination of the other attributes.
 */

import { attributes } from './attributes.ts';
import type { AttributeValue } from './dictionary.ts';
import type { MetricTable } from './metric-table.ts';
import type { SeriesIndex } from './series-index.ts';

export interface MetricEstimate {
  readonly metric: string;
  readonly series: number;
  readonly worst: number;
  /** By the names by which they leave, in the order of the columns. */
  readonly attributes: readonly AttributeEstimate[];
}

export interface AttributeEstimate {
  readonly name: string;
  readonly values: number;
}

export interface SeriesEstimate {
  add(tables: readonly MetricTable[]): void;
  /** In the order in which the metrics came. */
  metrics(): readonly MetricEstimate[];
}

type Part = 'src' | 'dst' | 'rest';

type PartOfName = ReadonlyMap<string, Part>;

/** Which end an attribute describes, by every name under which it leaves. */
const partsByName = () =>
  new Map<string, Part>(
    attributes.flatMap(({ name, level, names }) => {
      const end = level === 'endpoint' ? /(?:^|\.)(src|dst)\./.exec(name)?.[1] : undefined;
      return Object.values(names).map((leaving) => [leaving ?? name, (end ?? 'rest') as Part] as const);
    }),
  );

interface Metric {
  readonly seen: Map<SeriesIndex, Uint8Array>;
  readonly series: Set<string>;
  readonly parts: Readonly<Record<Part, Set<string>>>;
  readonly values: Map<string, Set<AttributeValue>>;
}

export function createSeriesEstimate(): SeriesEstimate {
  const metrics = new Map<string, Metric>();
  const partOfName = partsByName();

  function metricOf(name: string): Metric {
    let metric = metrics.get(name);
    if (metric === undefined) {
      metric = {
        seen: new Map(),
        series: new Set(),
        parts: { src: new Set(), dst: new Set(), rest: new Set() },
        values: new Map(),
      };
      metrics.set(name, metric);
    }
    return metric;
  }

  return {
    add(tables) {
      for (const { metric, series, ids } of tables) addSeries(metricOf(metric.name), series, ids, partOfName);
    },
    metrics: () =>
      [...metrics].map(([metric, { series, parts, values }]) => ({
        metric,
        series: series.size,
        worst: Object.values(parts).reduce((product, part) => product * part.size, 1),
        attributes: [...values].map(([name, { size }]) => ({ name, values: size })),
      })),
  };
}

function addSeries(metric: Metric, index: SeriesIndex, ids: Uint32Array, partOfName: PartOfName): void {
  let seen = metric.seen.get(index);
  if (seen === undefined || seen.length < index.size) {
    const larger = new Uint8Array(index.size * 2);
    larger.set(seen ?? []);
    seen = larger;
    metric.seen.set(index, seen);
  }
  for (const id of ids) {
    if (seen[id] === 1) continue;
    seen[id] = 1;
    addOne(metric, index, id, partOfName);
  }
}

function addOne({ series, parts, values }: Metric, { columns }: SeriesIndex, id: number, partOfName: PartOfName): void {
  const texts: Record<Part, (readonly [string, AttributeValue])[]> = { src: [], dst: [], rest: [] };
  for (const { name, dictionary, codes } of columns) {
    const value = dictionary.at(codes[id]!);
    const ofName = values.get(name) ?? new Set();
    values.set(name, ofName);
    if (value === undefined) continue;
    ofName.add(value);
    texts[partOfName.get(name) ?? 'rest'].push([name, value]);
  }
  const keys = Object.entries(texts).map(([part, pairs]) => {
    const key = JSON.stringify(pairs);
    parts[part as Part].add(key);
    return key;
  });
  series.add(keys.join());
}
