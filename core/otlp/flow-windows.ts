/**
 * Points that are flows as FlowTables, one a window and sender. A flow is a delta sum of bytes or packets, by the names of
 * any preset, whose two ends have an address. Requests may have been cut anywhere: a window is complete when the next one
 * begins.
 */

import { attributeNamed, readingOf } from '../table/attributes.ts';
import type { AttributeValue } from '../table/dictionary.ts';
import { createFlowRows, type FlowRows } from '../table/flow-rows.ts';
import type { FlowMeasures, FlowTable, NamingPreset } from '../table/flow-table.ts';
import { flowMetrics } from '../table/metrics.ts';
import type { Resource, Scope, TimeWindow } from '../table/resource.ts';
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
  readonly metricNames: readonly NamingPreset[];
  readonly onRefused: (points: number, reason: Refusal, example: string) => void;
}

interface Sender {
  readonly resource: Resource;
  readonly scope: Scope;
}

/** The rows of one sender in the open window. */
interface OpenTable {
  readonly rows: FlowRows;
  readonly rowOf: Map<string, number>;
  /** The flows of a sender that emits several presets are read once. */
  readonly preset: NamingPreset;
  points: number;
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

/** One a receiver. */
export function createFlowWindows({ metricNames, onRefused }: FlowWindowsOptions): FlowWindows {
  const beginRows = createFlowRows();
  const senders = new Map<string, Sender>();
  const named = createNames();
  let window: TimeWindow | undefined;
  let open = new Map<Sender, OpenTable>();

  function senderOf({ resource, scope }: DecodedMetric): Sender {
    const key = JSON.stringify([resource, scope]);
    if (senders.size >= MAX_SENDERS) senders.clear();
    const known = senders.get(key) ?? { resource: { attributes: Object.fromEntries(resource) }, scope };
    senders.set(key, known);
    return known;
  }

  function close(): CompleteWindow[] {
    if (window === undefined) return [];
    const common = { window, metricNames };
    const complete = [...open].map(([{ resource, scope }, { rows, points }]) => {
      return { table: rows.finish({ ...common, resource, scope }), points };
    });
    open = new Map();
    return complete.filter(({ table }) => table.rows > 0);
  }

  function addPoint(sender: Sender, { preset, measure }: KnownMetric, point: DecodedPoint): Refusal | undefined {
    const { value } = point;
    if (!Number.isSafeInteger(value) || value < 0) return 'not a whole number of bytes or packets';
    const table = open.get(sender) ?? { rows: beginRows(), rowOf: new Map(), preset, points: 0 };
    if (table.preset !== preset) return undefined;
    const key = JSON.stringify(point.attributes);
    const row = table.rowOf.get(key) ?? table.rows.append(named(point.attributes));
    if (row === undefined) return 'an end without an address';
    open.set(sender, table);
    table.rowOf.set(key, row);
    table.rows.add(row, measure, value);
    table.points++;
    return undefined;
  }

  function addMetric(metric: DecodedMetric, complete: CompleteWindow[]): void {
    const { name, points, unread } = metric;
    const known = knownMetrics.get(name);
    const reason = known === undefined ? 'not a metric of flows' : refusalOf(known, metric);
    const left = unread + (reason === undefined ? 0 : points.length);
    if (left > 0) onRefused(left, reason ?? 'not a metric of flows', name);
    if (known === undefined || reason !== undefined) return;
    const sender = senderOf(metric);
    for (const point of points) {
      if (window?.startNs !== point.startNs || window.endNs !== point.timeNs) {
        complete.push(...close());
        window = { startNs: point.startNs, endNs: point.timeNs };
      }
      const refusal = addPoint(sender, known, point);
      if (refusal !== undefined) onRefused(1, refusal, name);
    }
  }

  return {
    add(metrics) {
      const complete: CompleteWindow[] = [];
      for (const metric of metrics) addMetric(metric, complete);
      return complete;
    },
    end() {
      const complete = close();
      window = undefined;
      return complete;
    },
  };
}

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
