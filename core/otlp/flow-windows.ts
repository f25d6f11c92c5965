/**
 * Points that are flows as FlowTables, one a window and sender. A flow is a delta sum of bytes or packets, by the names of
 * any preset, whose two ends have an address.
 */

import { attributeNamed, readingOf } from '../table/attributes.ts';
import type { AttributeValue } from '../table/dictionary.ts';
import { createFlowRows, type FlowRows } from '../table/flow-rows.ts';
import type { FlowMeasures, FlowTable, NamingPreset } from '../table/flow-table.ts';
import { type Feature, flowMetrics } from '../table/metrics.ts';
import { type Resource, resourceOf, type Scope, scopeOf, type TimeWindow } from '../table/resource.ts';
import type { DecodedAttributes, DecodedMetric, DecodedPoint } from './decoded.ts';

/** Why points are no flows. */
export type Refusal =
  | 'not a metric of flows'
  | 'a part of the flows that are counted elsewhere'
  | 'not a delta sum'
  | 'an end without an address'
  | 'not a whole number of bytes or packets';

export interface CompleteWindow {
  readonly table: FlowTable;
  /** Points that it was made of. */
  readonly points: number;
}

export interface FlowWindows {
  /** The windows that are now complete. */
  add(metrics: readonly DecodedMetric[]): CompleteWindow[];
  /** What is left. */
  end(): CompleteWindow[];
}

interface FlowWindowsOptions {
  /** Absent: those that the points of each sender came under. */
  readonly metricNames?: readonly NamingPreset[];
  /**
   * When a window is complete: `next`, when the points of another begin, since requests may have been cut anywhere; `end`,
   * at `end` alone, since windows may come mixed.
   */
  readonly complete: 'next' | 'end';
  readonly onRefused: (points: number, reason: Refusal, example: string) => void;
}

interface Sender {
  readonly resource: Resource;
  readonly scope: Scope;
  /** Under which its flows were read last, and the end of the latest window of them. */
  preset?: NamingPreset;
  latestNs: bigint;
}

/** The rows of one sender in an open window. */
interface OpenTable {
  readonly rows: FlowRows;
  readonly rowOf: Map<string, number>;
  /** The flows of a sender that emits several presets are read once. */
  readonly preset: NamingPreset;
  readonly measures: Set<keyof FlowMeasures>;
  points: number;
}

interface OpenWindow {
  readonly window: TimeWindow;
  readonly tables: Map<Sender, OpenTable>;
}

interface KnownMetric {
  readonly preset: NamingPreset;
  readonly measure: keyof FlowMeasures;
  readonly partial: boolean;
}

/** Beyond it senders are known anew, which costs their series a new index and nothing else. */
const MAX_SENDERS = 10_000;

const presets = ['beyla', 'obi', 'otel'] as const;
const knownMetrics = new Map<string, KnownMetric>(
  flowMetrics.flatMap(({ descriptors, measure, where }) =>
    presets.flatMap((preset): [string, KnownMetric][] => {
      const name = descriptors[preset]?.name;
      return name === undefined ? [] : [[name, { preset, measure, partial: where !== undefined }]];
    }),
  ),
);

/** True when points of this name are flows or a part of them, where their ends have addresses. */
export const isFlowMetric = (name: string): boolean => knownMetrics.has(name);

const ends: readonly string[] = ['src.address', 'dst.address'];

/** True when points say both ends. What was summed over addresses before it was sent is a metric like any other. */
export function hasFlows({ points }: Pick<DecodedMetric, 'points'>): boolean {
  return points.some(({ attributes }) => {
    const own = new Set(attributes.map(([name]) => attributeNamed(name)?.name));
    return ends.every((end) => own.has(end));
  });
}

/** One a receiver. */
export function createFlowWindows({ metricNames, complete, onRefused }: FlowWindowsOptions): FlowWindows {
  const beginRows = createFlowRows();
  const senders = new Map<string, Sender>();
  const named = createNames();
  let open = new Map<string, OpenWindow>();
  let last: OpenWindow | undefined;

  function senderOf({ resource, scope }: DecodedMetric): Sender {
    const key = JSON.stringify([resource, scope]);
    if (senders.size >= MAX_SENDERS) senders.clear();
    const known = senders.get(key) ?? {
      resource: resourceOf(Object.fromEntries(resource)),
      scope: scopeOf(scope),
      latestNs: 0n,
    };
    senders.set(key, known);
    return known;
  }

  function close(): CompleteWindow[] {
    const closed = [...open.values()].flatMap(({ window, tables }) =>
      [...tables].map(([{ resource, scope }, { rows, preset, measures, points }]) => {
        const origin = { window, resource, scope, metricNames: metricNames ?? [preset] };
        return { table: { ...rows.finish(origin), features: featuresOf(measures) }, points };
      }),
    );
    open = new Map();
    last = undefined;
    return closed.filter(({ table }) => table.rows > 0);
  }

  function windowOf({ startNs, timeNs }: DecodedPoint, done: CompleteWindow[]): OpenWindow {
    if (last?.window.startNs === startNs && last.window.endNs === timeNs) return last;
    const key = `${startNs} ${timeNs}`;
    let at = open.get(key);
    if (at === undefined) {
      if (complete === 'next') done.push(...close());
      at = { window: { startNs, endNs: timeNs }, tables: new Map() };
      open.set(key, at);
    }
    last = at;
    return at;
  }

  function beginTable(sender: Sender, preset: NamingPreset, { endNs }: TimeWindow): OpenTable | undefined {
    if (complete === 'end') {
      // The rest of a window may come in another request; a sender that changed its names has later windows.
      if (sender.preset !== undefined && sender.preset !== preset && endNs <= sender.latestNs) return undefined;
      sender.preset = preset;
      if (endNs > sender.latestNs) sender.latestNs = endNs;
    }
    return { rows: beginRows(), rowOf: new Map(), preset, measures: new Set(), points: 0 };
  }

  function addPoint(
    sender: Sender,
    { preset, measure }: KnownMetric,
    point: DecodedPoint,
    { window, tables }: OpenWindow,
  ): Refusal | undefined {
    const { value } = point;
    if (!Number.isSafeInteger(value) || value < 0) return 'not a whole number of bytes or packets';
    const table = tables.get(sender) ?? beginTable(sender, preset, window);
    if (table === undefined || table.preset !== preset) return undefined;
    const key = JSON.stringify(point.attributes);
    const row = table.rowOf.get(key) ?? table.rows.append(named(point.attributes));
    if (row === undefined) return 'an end without an address';
    tables.set(sender, table);
    table.rowOf.set(key, row);
    table.rows.add(row, measure, value);
    table.measures.add(measure);
    table.points++;
    return undefined;
  }

  function addMetric(metric: DecodedMetric, done: CompleteWindow[]): void {
    const { name, points, unread } = metric;
    const known = knownMetrics.get(name);
    const reason = known === undefined ? 'not a metric of flows' : refusalOf(known, metric);
    const left = unread + (reason === undefined ? 0 : points.length);
    if (left > 0) onRefused(left, reason ?? 'not a metric of flows', name);
    if (known === undefined || reason !== undefined) return;
    const sender = senderOf(metric);
    for (const point of points) {
      const refusal = addPoint(sender, known, point, windowOf(point, done));
      if (refusal !== undefined) onRefused(1, refusal, name);
    }
  }

  return {
    add(metrics) {
      const done: CompleteWindow[] = [];
      for (const metric of metrics) addMetric(metric, done);
      return done;
    },
    end: close,
  };
}

/** Those that are made of what was there: a window's bytes and packets may come apart. */
const featuresOf = (measures: ReadonlySet<keyof FlowMeasures>): readonly Feature[] =>
  flowMetrics.filter(({ measure }) => measures.has(measure)).map(({ feature }) => feature);

/** Why no point of a metric is taken, though it is one of flows. */
function refusalOf({ partial }: KnownMetric, { temporality }: DecodedMetric): Refusal | undefined {
  if (partial) return 'a part of the flows that are counted elsewhere';
  return temporality === 'delta' ? undefined : 'not a delta sum';
}

/** Attributes under their names in the catalogue and with its values, whatever the preset. */
function createNames(): (attributes: DecodedAttributes) => (readonly [string, AttributeValue])[] {
  const known = new Map<string, { readonly own: string; read(value: AttributeValue): AttributeValue }>();
  return (attributes) =>
    attributes.map(([name, value]) => {
      let attribute = known.get(name);
      if (attribute === undefined) {
        attribute = { own: attributeNamed(name)?.name ?? name, read: readingOf(name) };
        known.set(name, attribute);
      }
      return [attribute.own, attribute.read(value)] as const;
    });
}
