/**
 * The messages of OTLP metrics: what each field is called in JSON, and its type. From opentelemetry/proto/metrics/v1,
 * common/v1 and resource/v1.
 */

export type ScalarType =
  | 'string'
  | 'bool'
  | 'double'
  | 'fixed64'
  | 'sfixed64'
  | 'int64'
  | 'uint64'
  | 'uint32'
  | 'sint32'
  | 'enum'
  /** In JSON as base64. */
  | 'bytes'
  /** In JSON as hexadecimal digits: ids of traces and spans. */
  | 'id';

export interface MessageField {
  readonly number: number;
  /** In lowerCamelCase. */
  readonly name: string;
  /** A function where the message is of a type that contains itself. */
  readonly type: ScalarType | (() => MessageType);
  readonly repeated: boolean;
  /** It is there or not, whatever its value: written also when it is 0, false or empty. */
  readonly presence: boolean;
}

export interface MessageType {
  readonly byNumber: ReadonlyMap<number, MessageField>;
  readonly byName: ReadonlyMap<string, MessageField>;
}

type Type = MessageField['type'];
const of = (number: number, type: Type, name: string): MessageField => ({
  number,
  name,
  type,
  repeated: false,
  presence: typeof type === 'function',
});
const list = (number: number, type: Type, name: string) => ({ ...of(number, type, name), repeated: true });
const maybe = (number: number, type: Type, name: string) => ({ ...of(number, type, name), presence: true });

const message = (...fields: readonly MessageField[]): MessageType => ({
  byNumber: new Map(fields.map((field) => [field.number, field])),
  byName: new Map(fields.map((field) => [field.name, field])),
});

const anyValue: MessageType = message(
  maybe(1, 'string', 'stringValue'),
  maybe(2, 'bool', 'boolValue'),
  maybe(3, 'int64', 'intValue'),
  maybe(4, 'double', 'doubleValue'),
  of(5, () => arrayValue, 'arrayValue'),
  of(6, () => keyValueList, 'kvlistValue'),
  maybe(7, 'bytes', 'bytesValue'),
);
const arrayValue = message(list(1, () => anyValue, 'values'));
export const keyValue: MessageType = message(
  of(1, 'string', 'key'),
  of(2, () => anyValue, 'value'),
);
const attributes = (number: number, name = 'attributes') => list(number, () => keyValue, name);
const keyValueList = message(attributes(1, 'values'));

const entityRef = message(
  of(1, 'string', 'schemaUrl'),
  of(2, 'string', 'type'),
  list(3, 'string', 'idKeys'),
  list(4, 'string', 'descriptionKeys'),
);
const resource = message(
  attributes(1),
  of(2, 'uint32', 'droppedAttributesCount'),
  list(3, () => entityRef, 'entityRefs'),
);
const scope = message(
  of(1, 'string', 'name'),
  of(2, 'string', 'version'),
  attributes(3),
  of(4, 'uint32', 'droppedAttributesCount'),
);

const exemplar = message(
  of(2, 'fixed64', 'timeUnixNano'),
  maybe(3, 'double', 'asDouble'),
  of(4, 'id', 'spanId'),
  of(5, 'id', 'traceId'),
  maybe(6, 'sfixed64', 'asInt'),
  attributes(7, 'filteredAttributes'),
);
const times = [of(2, 'fixed64', 'startTimeUnixNano'), of(3, 'fixed64', 'timeUnixNano')];
const count = of(4, 'fixed64', 'count');

const numberPoint = message(
  ...times,
  maybe(4, 'double', 'asDouble'),
  list(5, () => exemplar, 'exemplars'),
  maybe(6, 'sfixed64', 'asInt'),
  attributes(7),
  of(8, 'uint32', 'flags'),
);
const histogramPoint = message(
  ...times,
  count,
  maybe(5, 'double', 'sum'),
  list(6, 'fixed64', 'bucketCounts'),
  list(7, 'double', 'explicitBounds'),
  list(8, () => exemplar, 'exemplars'),
  attributes(9),
  of(10, 'uint32', 'flags'),
  maybe(11, 'double', 'min'),
  maybe(12, 'double', 'max'),
);
const buckets = message(of(1, 'sint32', 'offset'), list(2, 'uint64', 'bucketCounts'));
const exponentialPoint = message(
  attributes(1),
  ...times,
  count,
  maybe(5, 'double', 'sum'),
  of(6, 'sint32', 'scale'),
  of(7, 'fixed64', 'zeroCount'),
  of(8, () => buckets, 'positive'),
  of(9, () => buckets, 'negative'),
  of(10, 'uint32', 'flags'),
  list(11, () => exemplar, 'exemplars'),
  maybe(12, 'double', 'min'),
  maybe(13, 'double', 'max'),
  of(14, 'double', 'zeroThreshold'),
);
const quantile = message(of(1, 'double', 'quantile'), of(2, 'double', 'value'));
const summaryPoint = message(
  ...times,
  count,
  of(5, 'double', 'sum'),
  list(6, () => quantile, 'quantileValues'),
  attributes(7),
  of(8, 'uint32', 'flags'),
);

const points = (type: MessageType, ...more: readonly MessageField[]): (() => MessageType) => {
  const made = message(
    list(1, () => type, 'dataPoints'),
    ...more,
  );
  return () => made;
};
const temporality = of(2, 'enum', 'aggregationTemporality');
const metric = message(
  of(1, 'string', 'name'),
  of(2, 'string', 'description'),
  of(3, 'string', 'unit'),
  of(5, points(numberPoint), 'gauge'),
  of(7, points(numberPoint, temporality, of(3, 'bool', 'isMonotonic')), 'sum'),
  of(9, points(histogramPoint, temporality), 'histogram'),
  of(10, points(exponentialPoint, temporality), 'exponentialHistogram'),
  of(11, points(summaryPoint), 'summary'),
  attributes(12, 'metadata'),
);
const scopeMetrics = message(
  of(1, () => scope, 'scope'),
  list(2, () => metric, 'metrics'),
  of(3, 'string', 'schemaUrl'),
);

export const resourceMetrics: MessageType = message(
  of(1, () => resource, 'resource'),
  list(2, () => scopeMetrics, 'scopeMetrics'),
  of(3, 'string', 'schemaUrl'),
);

/** Messages within messages, such as lists in a value: more is no value that anybody sent on purpose. */
export const MAX_DEPTH = 100;

/** Names of enumeration values, which some senders write in JSON. */
export const enumNames: Readonly<Record<string, number>> = {
  AGGREGATION_TEMPORALITY_UNSPECIFIED: 0,
  AGGREGATION_TEMPORALITY_DELTA: 1,
  AGGREGATION_TEMPORALITY_CUMULATIVE: 2,
};

/** Numbers of the fields by which points are found in a request without reading them. */
export const fieldNumbers = {
  resourceMetrics: 1,
  resource: 1,
  scopeMetrics: 2,
  metrics: 2,
  metricName: 1,
  data: new Set([5, 7, 9, 10, 11]) as ReadonlySet<number>,
  dataPoints: 1,
} as const;
