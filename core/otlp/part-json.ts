/** The same as part-proto.ts of a request in OTLP/JSON: what is not of flows is made into protobuf, as all pipelines carry it. */

import { entriesOf, type Fields, fieldsOf, listOf, metricOf, resourceOf, scopeOf } from './decode-json.ts';
import type { DecodedMetric } from './decoded.ts';
import { hasFlows, isFlowMetric } from './flow-windows.ts';
import { jsonToMessage } from './json-to-message.ts';
import { fieldNumbers, resourceMetrics } from './metrics-messages.ts';
import { type PartedRequest, partProto } from './part-proto.ts';
import { messageField } from './proto-writer.ts';

/** `sender`: see ResourceMetricsTable. Throws a WeirError that says what is wrong with the text. */
export function partJson(text: string, sender: string | undefined): PartedRequest {
  const flows: DecodedMetric[] = [];
  const others = entriesOf(text).map((entry) => {
    const scopes = listOf(entry.scopeMetrics, 'scopeMetrics').map((scope) =>
      fieldsOf(scope, 'an entry of scopeMetrics'),
    );
    const scopeMetrics = scopes
      .map((scope) => ({ ...scope, metrics: othersOf(entry, scope, flows) }))
      .filter(({ metrics }) => metrics.length > 0);
    const other = jsonToMessage(resourceMetrics, { ...entry, scopeMetrics }, 'an entry of resourceMetrics');
    return messageField(fieldNumbers.resourceMetrics, other);
  });
  return { flows, others: partProto(Buffer.concat(others), sender).others };
}

/** The metrics of a scope that are not of flows; those that are go to `flows`. */
function othersOf(entry: Fields, scope: Fields, flows: DecodedMetric[]): readonly Fields[] {
  const metrics = listOf(scope.metrics, 'metrics').map((metric) => fieldsOf(metric, 'a metric'));
  return metrics.filter((metric) => {
    if (!isFlowMetric(String(metric.name))) return true;
    const read = metricOf(metric);
    if (!hasFlows(read)) return true;
    flows.push({ resource: resourceOf(entry), scope: scopeOf(scope), ...read });
    return false;
  });
}
