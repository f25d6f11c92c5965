/**
 * Metric tables as ExportMetricsServiceRequest in OTLP/JSON, as a collector writes it: 64-bit integers are decimal
 * texts, which is why @opentelemetry/otlp-transformer does not write them: it has numbers there. Tables are grouped as in
 * protobuf; what a value looks like is worked out once for each value of an attribute.
 */

import type { AttributeValue, Dictionary } from '../table/dictionary.ts';
import type { MetricTable } from '../table/metric-table.ts';
import {
  isMetricTable,
  isResourceMetrics,
  type LeavingTable,
  type ResourceMetricsTable,
} from '../table/resource-metrics.ts';
import type { SeriesIndex } from '../table/series-index.ts';
import { groupTables, MAX_BODY_BYTES, type RequestBody } from './encode.ts';
import { messageToJson } from './message-to-json.ts';
import { resourceMetrics } from './metrics-messages.ts';
import type { MetricGroup } from './request-layout.ts';
import { resourceMetricsMessage } from './resource-metrics-bodies.ts';

/** The points of one group that stand in one request. */
interface Part {
  readonly group: MetricGroup;
  readonly points: string[];
}

/**
 * One for each stream of requests: it keeps the texts of attributes. A request is closed by the point that takes it past
 * `maxBodyChars`, so no point is too large.
 */
export function createJsonEncoder(maxBodyChars = MAX_BODY_BYTES) {
  const pointText = createPointTexts();
  return function* encode(tables: readonly LeavingTable[]): Generator<RequestBody> {
    let parts: Part[] = [];
    let chars = 0;
    let points = 0;
    for (const group of groupTables(tables.filter(isMetricTable))) {
      let part: Part | undefined;
      for (const table of group.tables) {
        for (let point = 0; point < table.ids.length; point++) {
          if (part === undefined) {
            part = { group, points: [] };
            parts.push(part);
          }
          const text = pointText(table, point);
          part.points.push(text);
          chars += text.length;
          points++;
          if (chars < maxBodyChars) continue;
          yield { body: Buffer.from(requestText(parts)), points };
          parts = [];
          part = undefined;
          chars = 0;
          points = 0;
        }
      }
    }
    if (points > 0) yield { body: Buffer.from(requestText(parts)), points };
    yield* resourceMetricsTexts(tables.filter(isResourceMetrics), maxBodyChars);
  };
}

/** Metrics that are no flows. A table is not cut: what came in one request leaves in one. */
function* resourceMetricsTexts(tables: readonly ResourceMetricsTable[], maxChars: number): Generator<RequestBody> {
  let texts: string[] = [];
  let chars = 0;
  let points = 0;
  for (const table of tables) {
    const text = JSON.stringify(messageToJson(resourceMetrics, resourceMetricsMessage(table)));
    texts.push(text);
    chars += text.length;
    points += table.points;
    if (chars < maxChars && table !== tables.at(-1)) continue;
    yield { body: Buffer.from(`{"resourceMetrics":[${texts.join()}]}`), points };
    [texts, chars, points] = [[], 0, 0];
  }
}

function createPointTexts(): (table: MetricTable, point: number) => string {
  const attributeTexts = new WeakMap<Dictionary, Map<string, string[]>>();

  const textsOf = (dictionary: Dictionary, name: string): string[] => {
    const byName = attributeTexts.get(dictionary) ?? new Map<string, string[]>();
    attributeTexts.set(dictionary, byName);
    const texts = byName.get(name) ?? [];
    byName.set(name, texts);
    return texts;
  };

  const attributesText = ({ columns }: SeriesIndex, id: number): string => {
    let joined = '';
    for (const { name, dictionary, codes } of columns) {
      const code = codes[id]!;
      const texts = textsOf(dictionary, name);
      let text = texts[code];
      if (text === undefined) {
        const value = dictionary.at(code);
        if (value === undefined) continue;
        text = attributeText(name, value);
        texts[code] = text;
      }
      joined += joined === '' ? text : `,${text}`;
    }
    return joined;
  };

  return ({ series, ids, values, starts, startCodes, endNs }, point) => {
    const startNs = starts[startCodes?.[point] ?? 0] ?? 0n;
    return `{"attributes":[${attributesText(series, ids[point]!)}],"startTimeUnixNano":"${startNs}","timeUnixNano":"${endNs}","asInt":"${values[point]}"}`;
  };
}

function attributeText(name: string, value: AttributeValue): string {
  return `{"key":${JSON.stringify(name)},"value":${valueText(value)}}`;
}

function valueText(value: AttributeValue): string {
  if (typeof value === 'string') return `{"stringValue":${JSON.stringify(value)}}`;
  if (typeof value === 'boolean') return `{"boolValue":${value}}`;
  return Number.isSafeInteger(value) ? `{"intValue":"${value}"}` : `{"doubleValue":${value}}`;
}

/** Parts of one resource, and in it of one scope, stand side by side. */
function requestText(parts: readonly Part[]): string {
  const resources = runsBy(parts, ({ group }) => group.resource).map((ofResource) => {
    const scopes = runsBy(ofResource, ({ group }) => group.scope).map((ofScope) => {
      const { name, version } = ofScope[0]!.group.scope;
      const scope = `{"name":${JSON.stringify(name)},"version":${JSON.stringify(version)}}`;
      return `{"scope":${scope},"metrics":[${ofScope.map(metricText).join()}]}`;
    });
    const attributes = Object.entries(ofResource[0]!.group.resource.attributes);
    const resource = `{"attributes":[${attributes.map(([name, value]) => attributeText(name, value)).join()}]}`;
    return `{"resource":${resource},"scopeMetrics":[${scopes.join()}]}`;
  });
  return `{"resourceMetrics":[${resources.join()}]}`;
}

function metricText({ group: { metric, temporality }, points }: Part): string {
  const { name, description, unit } = metric;
  const head = JSON.stringify({ name, description, unit }).slice(0, -1);
  const kind = `"aggregationTemporality":${temporality === 'delta' ? 1 : 2},"isMonotonic":true`;
  return `${head},"sum":{"dataPoints":[${points.join()}],${kind}}}`;
}

function runsBy(parts: readonly Part[], key: (part: Part) => object): readonly Part[][] {
  const runs: Part[][] = [];
  for (const part of parts) {
    const run = runs.at(-1);
    if (run !== undefined && key(run[0]!) === key(part)) run.push(part);
    else runs.push([part]);
  }
  return runs;
}
