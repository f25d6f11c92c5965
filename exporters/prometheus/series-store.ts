/** All series that are scraped: takes tables, forgets what had no point for too long, and gives snapshots. */

import type { MetricDescriptor, MetricTable } from '../../core/table/metric-table.ts';
import type { Resource, Scope } from '../../core/table/resource.ts';
import type { SeriesIndex } from '../../core/table/series-index.ts';
import type { SharedLabels } from './bindings.ts';
import { Family, type SeriesSnapshot } from './family.ts';
import { LabelTexts, type TextPlaces } from './label-texts.ts';
import { type LabelRules, seriesLabels, targetIdentity, targetLabels } from './labels.ts';
import { type MetricNaming, metricName } from './names.ts';

export interface StoreOptions {
  readonly naming: MetricNaming;
  readonly labels: LabelRules;
  /** A series without a point for longer than this is forgotten. */
  readonly expirationMs: number;
}

/** What a scrape shows: one moment, whatever comes while it is sent. */
export interface Snapshot {
  readonly families: readonly (Pick<Family, 'name' | 'help'> & SeriesSnapshot)[];
  readonly texts: TextPlaces;
  /** Labels of `target_info`, one for each target. */
  readonly targets: readonly string[];
}

const MIN_TEXTS = 4096;
const MAX_TEXTS_PER_SERIES = 2;

interface Sender {
  readonly indexes: WeakMap<SeriesIndex, SharedLabels>;
}

export class SeriesStore {
  readonly #options: StoreOptions;
  /** By the name that is scraped: two metrics that have the same one are one family. */
  readonly #families = new Map<string, Family>();
  readonly #familyOfMetric = new WeakMap<MetricDescriptor, Family>();
  readonly #senders = new WeakMap<Resource, WeakMap<Scope, Sender>>();
  /** When a point of the resource came last. */
  readonly #resources = new Map<Resource, number>();
  #texts = new LabelTexts();
  #snapshot: Snapshot | undefined;

  constructor(options: StoreOptions) {
    this.#options = options;
  }

  /** Series that are alive, over all families. */
  get size(): number {
    return [...this.#families.values()].reduce((sum, family) => sum + family.size, 0);
  }

  /** `nowMs` is of a clock that never steps, as below. */
  add(tables: readonly MetricTable[], nowMs: number): void {
    this.#expire(nowMs);
    for (const table of tables) {
      if (table.ids.length === 0) continue;
      this.#resources.set(table.resource, nowMs);
      this.#familyOf(table.metric).add(table, this.#labelsOf(table), nowMs);
    }
    this.#snapshot = undefined;
  }

  /** The same object for as long as nothing has changed. */
  snapshot(nowMs: number): Snapshot {
    this.#expire(nowMs);
    this.#snapshot ??= {
      families: Array.from(this.#families.values(), (family) => ({
        name: family.name,
        help: family.help,
        ...family.snapshot(),
      })),
      texts: this.#texts.places,
      targets: this.#targets(),
    };
    return this.#snapshot;
  }

  #expire(nowMs: number): void {
    const beforeMs = nowMs - this.#options.expirationMs;
    const sizeBefore = this.size;
    for (const family of this.#families.values()) family.expire(beforeMs);
    for (const [resource, seenMs] of this.#resources) if (seenMs < beforeMs) this.#resources.delete(resource);
    if (this.size === sizeBefore) return;
    this.#snapshot = undefined;
    this.#compactTexts();
  }

  /** Leaves the texts of forgotten series behind once they are most of the list. */
  #compactTexts(): void {
    if (this.#texts.size < MIN_TEXTS || this.#texts.size < MAX_TEXTS_PER_SERIES * this.size) return;
    this.#texts = new LabelTexts();
    for (const family of this.#families.values()) family.moveTo(this.#texts);
  }

  #familyOf(metric: MetricDescriptor): Family {
    const known = this.#familyOfMetric.get(metric);
    if (known !== undefined) return known;
    const name = metricName(metric, this.#options.naming);
    const family = this.#families.get(name) ?? new Family(name, metric.description, this.#texts);
    this.#families.set(name, family);
    this.#familyOfMetric.set(metric, family);
    return family;
  }

  #labelsOf({ resource, scope, series }: MetricTable): SharedLabels {
    const scopes = valueIn(this.#senders, resource, () => new WeakMap<Scope, Sender>());
    const sender = valueIn(scopes, scope, () => ({ indexes: new WeakMap() }));
    return valueIn(sender.indexes, series, () => ({
      sender,
      textOf: seriesLabels(series, resource, scope, this.#options.labels),
      bindings: new Map(),
    }));
  }

  /** Of resources with the same `job` and `instance`, the first one. */
  #targets(): readonly string[] {
    const targets = new Map<string, string>();
    for (const resource of this.#resources.keys()) {
      const identity = targetIdentity(resource);
      const labels = targets.has(identity) ? undefined : targetLabels(resource, this.#options.labels);
      if (labels !== undefined) targets.set(identity, labels);
    }
    return [...targets.values()];
  }
}

function valueIn<Key extends WeakKey, Value>(map: WeakMap<Key, Value>, key: Key, make: () => Value): Value {
  const known = map.get(key);
  if (known !== undefined) return known;
  const made = make();
  map.set(key, made);
  return made;
}
