/**
 * A request parted: metrics of flows are read, all others stay the bytes that they are, a table for each resource. Of these
 * no point is looked into: they are counted, and what a server would say of one of them its sender hears from the server
 * behind this one.
 */

import type { ResourceMetricsTable } from '../table/resource-metrics.ts';
import { attributeMap, attributesOf, metricOf, scopeOf } from './decode.ts';
import type { DecodedMetric, ReadMetric } from './decoded.ts';
import { hasFlows, isFlowMetric } from './flow-windows.ts';
import { fieldNumbers } from './metrics-messages.ts';
import { ProtoCursor } from './proto-reader.ts';
import { messageField } from './proto-writer.ts';

export interface PartedRequest {
  readonly flows: readonly DecodedMetric[];
  readonly others: readonly ResourceMetricsTable[];
}

/** `sender`: see ResourceMetricsTable. Throws a WeirError where the request is malformed. */
export function partProto(request: Uint8Array, sender: string | undefined): PartedRequest {
  const parts: { flows: DecodedMetric[]; others: ResourceMetricsTable[] } = { flows: [], others: [] };
  const cursor = new ProtoCursor(request);
  while (cursor.next()) {
    if (cursor.number !== fieldNumbers.resourceMetrics || cursor.wireType !== 2) continue;
    const { flows, other } = partResource(cursor.inside(), sender);
    parts.flows.push(...flows);
    if (other !== undefined) parts.others.push(other);
  }
  return parts;
}

const none = new Uint8Array(0);

/** One metric in its place. */
interface Place {
  readonly start: number;
  readonly to: number;
  /** Undefined: it is not of flows. */
  readonly flows: ReadMetric | undefined;
  readonly points: number;
}

interface ScopePlace {
  readonly field: Uint8Array;
  readonly content: Uint8Array;
  readonly from: number;
  readonly metrics: readonly Place[];
}

function partResource(ofResource: ProtoCursor, sender: string | undefined) {
  const resources: Uint8Array[] = [];
  const rest: Uint8Array[] = [];
  const scopes = new Map<number, ScopePlace>();
  let [first, last] = [-1, -1];
  while (ofResource.next()) {
    const { number, wireType, message, start, from, to } = ofResource;
    if (number === fieldNumbers.resource && wireType === 2) resources.push(ofResource.bytes());
    else {
      if (first === -1) first = start;
      last = to;
      const field = message.subarray(start, to);
      if (number === fieldNumbers.scopeMetrics && wireType === 2) {
        const metrics = placesIn(ofResource.inside());
        scopes.set(rest.length, { field, content: ofResource.bytes(), from, metrics });
      }
      rest.push(field);
    }
  }
  // Parts of one message are that message.
  const resource = resources.length < 2 ? resources[0] : Buffer.concat(resources);
  const flows = [...scopes.values()].flatMap((scope) => flowsOf(scope, resource));
  const others = [...scopes.values()].flatMap(({ metrics }) => metrics.filter((metric) => metric.flows === undefined));
  const points = others.reduce((sum, other) => sum + other.points, 0);
  if (points === 0) return { flows, other: undefined };
  const isContiguous = flows.length === 0 && lengthOf(rest) === last - first;
  const content = isContiguous
    ? owned(ofResource.message.subarray(first, last))
    : concatenated(rest.map((field, at) => (scopes.has(at) ? withoutFlows(scopes.get(at)!) : field)));
  const other: ResourceMetricsTable = {
    kind: 'resource_metrics',
    attributes: attributeMap(resource),
    resource: resource && owned(resource),
    content,
    metrics: others.length,
    points,
    sender,
  };
  return { flows, other };
}

function placesIn(scope: ProtoCursor): readonly Place[] {
  const places: Place[] = [];
  while (scope.next()) {
    if (scope.number !== fieldNumbers.metrics || scope.wireType !== 2) continue;
    places.push({ start: scope.start, to: scope.to, ...kindOf(scope) });
  }
  return places;
}

function kindOf(metric: ProtoCursor): Pick<Place, 'flows' | 'points'> {
  let points = 0;
  let name = '';
  const cursor = metric.inside();
  while (cursor.next()) {
    if (cursor.wireType !== 2) continue;
    if (cursor.number === fieldNumbers.metricName) name = cursor.text();
    else if (fieldNumbers.data.has(cursor.number)) points += pointsIn(cursor.inside());
  }
  if (!isFlowMetric(name)) return { flows: undefined, points };
  const read = metricOf(metric.bytes());
  return { flows: hasFlows(read) ? read : undefined, points };
}

function pointsIn(data: ProtoCursor): number {
  let points = 0;
  while (data.next()) if (data.number === fieldNumbers.dataPoints && data.wireType === 2) points++;
  return points;
}

function flowsOf({ content, metrics }: ScopePlace, resource: Uint8Array = none): readonly DecodedMetric[] {
  const flows = metrics.flatMap((metric) => metric.flows ?? []);
  if (flows.length === 0) return [];
  const from = { resource: attributesOf(resource, 1), scope: scopeOf(content) };
  return flows.map((metric) => ({ ...from, ...metric }));
}

/** The field again, with what is not of flows in it; nothing where nothing is left of its metrics. */
function withoutFlows({ field, content, from, metrics }: ScopePlace): Uint8Array {
  const flows = metrics.filter((metric) => metric.flows !== undefined);
  if (flows.length === 0) return field;
  if (flows.length === metrics.length) return new Uint8Array(0);
  const kept: Uint8Array[] = [];
  let at = 0;
  for (const { start, to } of flows) {
    kept.push(content.subarray(at, start - from));
    at = to - from;
  }
  return messageField(fieldNumbers.scopeMetrics, ...kept, content.subarray(at));
}

const lengthOf = (parts: readonly Uint8Array[]) => parts.reduce((sum, { length }) => sum + length, 0);

/** A view keeps all that it is one of, for as long as the table waits: where that is much more, a copy. */
const owned = (view: Uint8Array): Uint8Array =>
  view.buffer.byteLength <= 2 * view.length ? view : concatenated([view]);

function concatenated(parts: readonly Uint8Array[]): Uint8Array {
  const bytes = Buffer.allocUnsafeSlow(lengthOf(parts));
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}
