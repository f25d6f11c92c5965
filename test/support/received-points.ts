/** The points of the sums in a decoded request, as plain values. */

import type { DecodedRequest } from './otlp-protos.ts';

export type ReceivedAttributes = Readonly<Record<string, string | number | boolean>>;

export interface ReceivedPoint {
  readonly metric: string;
  readonly unit: string;
  readonly attributes: ReceivedAttributes;
  readonly value: number;
  readonly startNs: bigint;
  readonly timeNs: bigint;
  readonly temporality: 'delta' | 'cumulative';
  readonly resource: ReceivedAttributes;
  readonly scope: string;
}

function attributesOf(list: DecodedRequest['resourceMetrics'][0]['resource']['attributes']): ReceivedAttributes {
  return Object.fromEntries(
    list.map(({ key, value }) => [
      key,
      value.stringValue ?? value.boolValue ?? (value.intValue === undefined ? '' : Number(value.intValue)),
    ]),
  );
}

export function pointsOf(request: DecodedRequest): readonly ReceivedPoint[] {
  return request.resourceMetrics.flatMap(({ resource, scopeMetrics }) => {
    const resourceAttributes = attributesOf(resource.attributes);
    return scopeMetrics.flatMap(({ scope, metrics }) =>
      metrics.flatMap(({ name, unit, sum }) =>
        ((sum as typeof sum | undefined)?.dataPoints ?? []).map((point) => ({
          metric: name,
          unit,
          attributes: attributesOf(point.attributes),
          value: Number(point.asInt),
          startNs: BigInt(point.startTimeUnixNano),
          timeNs: BigInt(point.timeUnixNano),
          temporality: sum.aggregationTemporality.endsWith('DELTA') ? ('delta' as const) : ('cumulative' as const),
          resource: resourceAttributes,
          scope: scope.name,
        })),
      ),
    );
  });
}
