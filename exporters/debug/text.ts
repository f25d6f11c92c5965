/** Metric tables as lines that a person reads, in the shapes of upstream's debug exporter. */

import type { AttributeValue } from '../../core/table/dictionary.ts';
import type { MetricTable } from '../../core/table/metric-table.ts';
import type { Resource } from '../../core/table/resource.ts';
import { isMetricTable, isResourceMetrics, type LeavingTable } from '../../core/table/resource-metrics.ts';
import { listOfAttributes, timestamp } from './lines.ts';
import { detailedLines, normalLines } from './resource-metrics-text.ts';

/** Writes the lines for one point of a table. */
type PointLines = (table: MetricTable, point: number) => string;

/** One line a point: `name{key=value,...} value unit`. */
export function normalText(tables: readonly LeavingTable[]): string {
  return nested(tables, normalLines, {
    resource: (resource, number) => {
      const attributes = Object.entries(resource.attributes).map(([name, value]) => ` ${name}=${value}`);
      return `ResourceMetrics #${number}${attributes.join('')}\n`;
    },
    scope: ({ scope }, number) => `ScopeMetrics #${number} ${scope.name}@${scope.version}\n`,
    metric: () => '',
    point: (table, point) => {
      const pairs = attributesOf(table, point).map(([name, value]) => `${name}=${value}`);
      return `${table.metric.name}{${pairs.join(',')}} ${table.values[point]} ${table.metric.unit}\n`;
    },
  });
}

/** Everything that leaves, one field a line. */
export function detailedText(tables: readonly LeavingTable[]): string {
  let pointNumber = 0;
  return nested(tables, detailedLines, {
    resource: (resource, number) =>
      `ResourceMetrics #${number}\nResource SchemaURL: \n${attributeLines('Resource attributes', Object.entries(resource.attributes))}`,
    scope: ({ scope }, number) =>
      `ScopeMetrics #${number}\nScopeMetrics SchemaURL: \nInstrumentationScope ${scope.name} ${scope.version}\n`,
    metric: ({ metric, temporality }, number) => {
      pointNumber = 0;
      return [
        `Metric #${number}`,
        'Descriptor:',
        `     -> Name: ${metric.name}`,
        `     -> Description: ${metric.description}`,
        `     -> Unit: ${metric.unit}`,
        '     -> DataType: Sum',
        '     -> IsMonotonic: true',
        `     -> AggregationTemporality: ${temporality === 'delta' ? 'Delta' : 'Cumulative'}\n`,
      ].join('\n');
    },
    point: (table, point) => {
      const startNs = table.starts[table.startCodes?.[point] ?? 0] ?? 0n;
      return [
        `NumberDataPoints #${pointNumber++}`,
        `${attributeLines('Data point attributes', attributesOf(table, point))}StartTimestamp: ${timestamp(startNs)}`,
        `Timestamp: ${timestamp(table.endNs)}`,
        `Value: ${table.values[point]}\n`,
      ].join('\n');
    },
  });
}

interface Lines {
  resource(resource: Resource, number: number): string;
  scope(table: MetricTable, number: number): string;
  metric(table: MetricTable, number: number): string;
  readonly point: PointLines;
}

/**
 * Walks resources, scopes and metrics as they change from table to table; empty tables have no lines. Metrics that are no
 * flows come behind them.
 */
function nested(tables: readonly LeavingTable[], others: typeof normalLines, lines: Lines): string {
  const text: string[] = [];
  let last: MetricTable | undefined;
  const numbers = { resource: -1, scope: -1, metric: -1 };
  for (const table of tables.filter(isMetricTable)) {
    if (table.ids.length === 0) continue;
    const newResource = last?.resource !== table.resource;
    const newScope = newResource || last?.scope !== table.scope;
    if (newResource) {
      numbers.resource++;
      numbers.scope = -1;
      text.push(lines.resource(table.resource, numbers.resource));
    }
    if (newScope) {
      numbers.scope++;
      numbers.metric = -1;
      text.push(lines.scope(table, numbers.scope));
    }
    if (newScope || last?.metric !== table.metric || last.temporality !== table.temporality) {
      numbers.metric++;
      text.push(lines.metric(table, numbers.metric));
    }
    for (let point = 0; point < table.ids.length; point++) text.push(lines.point(table, point));
    last = table;
  }
  text.push(others(tables.filter(isResourceMetrics), numbers.resource + 1));
  return text.join('');
}

function attributesOf({ series, ids }: MetricTable, point: number): readonly (readonly [string, AttributeValue])[] {
  const id = ids[point] ?? 0;
  return series.columns.flatMap(({ name, dictionary, codes }) => {
    const value = dictionary.at(codes[id] ?? 0);
    return value === undefined ? [] : [[name, value] as const];
  });
}

const attributeLines = (title: string, attributes: readonly (readonly [string, AttributeValue])[]) =>
  listOfAttributes(
    title,
    attributes.map(([name, value]) => [name, { plain: String(value), typed: typed(value) }]),
  );

function typed(value: AttributeValue): string {
  if (typeof value === 'string') return `Str(${value})`;
  if (typeof value === 'boolean') return `Bool(${value})`;
  return Number.isInteger(value) ? `Int(${value})` : `Double(${value})`;
}
