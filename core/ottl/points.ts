/**
 * What OTTL paths mean for metrics (contexts datapoint, metric, scope and resource of upstream). Flows are points to be:
 * they have attributes, a resource and a scope, and become metrics later.
 */

import { suggestionFor } from '../config/suggest.ts';
import { attributeNamed, attributes, namesOf } from '../table/attributes.ts';
import type { AttributeValue } from '../table/dictionary.ts';
import type { MetricDescriptor, MetricTable } from '../table/metric-table.ts';
import type { Resource, Scope } from '../table/resource.ts';
import { type ContextFunction, type OttlContext, PathError, type Reader } from './compile.ts';
import { ArgumentError } from './functions.ts';
import type { Path, Value } from './syntax.ts';
import { compare, ottlValue } from './values.ts';

/** Which of the four a condition is about; what a path without one of their names belongs to. */
export const contextNames = ['datapoint', 'metric', 'scope', 'resource'] as const;
export type ContextName = (typeof contextNames)[number];

/** One row, or a whole table where the condition asks for no more. */
export interface PointSource {
  readonly resource: Resource;
  readonly scope: Scope;
  /** Absent for flows. */
  readonly table?: MetricTable;
  readonly place: number;
  value(attribute: string): AttributeValue | undefined;
  /** Names of the attributes that the rows may have. */
  readonly attributeNames: readonly string[];
}

/** A fact is `attribute NAME`, or one of these. */
export const facts = { table: 'table', metric: 'metric', row: 'row', attributes: 'attributes' } as const;
const ATTRIBUTE_PREFIX = 'attribute ';

/** The names of the attributes among facts. */
export const attributesAmong = (all: readonly string[]): readonly string[] =>
  all.flatMap((fact) => (fact.startsWith(ATTRIBUTE_PREFIX) ? [fact.slice(ATTRIBUTE_PREFIX.length)] : []));

const SUM = 2n;
const DELTA = 1n;
const CUMULATIVE = 2n;

const enums: ReadonlyMap<string, bigint> = new Map([
  ...['NONE', 'GAUGE', 'SUM', 'HISTOGRAM', 'EXPONENTIAL_HISTOGRAM', 'SUMMARY'].map(
    (name, value) => [`METRIC_DATA_TYPE_${name}`, BigInt(value)] as const,
  ),
  ...['UNSPECIFIED', 'DELTA', 'CUMULATIVE'].map(
    (name, value) => [`AGGREGATION_TEMPORALITY_${name}`, BigInt(value)] as const,
  ),
  ['FLAG_NONE', 0n],
  ['FLAG_NO_RECORDED_VALUE', 1n],
]);

const mapOf = (entries: Readonly<Record<string, AttributeValue>>): Value =>
  new Map(Object.entries(entries).map(([key, value]) => [key, ottlValue(value)]));

type Fields = Readonly<Record<string, Reader<PointSource>>>;

const ofMetric = (read: (metric: MetricDescriptor, table: MetricTable) => Value): Reader<PointSource> => ({
  facts: [facts.metric],
  read: ({ table }) => (table === undefined ? null : read(table.metric, table)),
});
const ofPoint = (read: (table: MetricTable, place: number) => Value): Reader<PointSource> => ({
  facts: [facts.metric, facts.row],
  read: ({ table, place }) => (table === undefined ? null : read(table, place)),
});
const ofTable = (read: (source: PointSource) => Value): Reader<PointSource> => ({ facts: [facts.table], read });

const fields: Readonly<Record<ContextName, Fields>> = {
  resource: { attributes: ofTable(({ resource }) => mapOf(resource.attributes)) },
  scope: {
    name: ofTable(({ scope }) => scope.name),
    version: ofTable(({ scope }) => scope.version),
    attributes: ofTable(() => new Map()),
  },
  metric: {
    name: ofMetric(({ name }) => name),
    description: ofMetric(({ description }) => description),
    unit: ofMetric(({ unit }) => unit),
    type: ofMetric(() => SUM),
    aggregation_temporality: ofMetric((_, { temporality }) => (temporality === 'delta' ? DELTA : CUMULATIVE)),
    is_monotonic: ofMetric(() => true),
  },
  datapoint: {
    attributes: {
      facts: [facts.row, facts.attributes],
      read: ({ attributeNames, value }) => {
        const present = attributeNames.flatMap((name) => {
          const found = value(name);
          return found === undefined ? [] : [[name, ottlValue(found)] as const];
        });
        return new Map(present);
      },
    },
    value_int: ofPoint(({ values }, place) => BigInt(values[place]!)),
    // Upstream gives the zero of the type that a point does not have.
    value_double: ofPoint(() => 0),
    time_unix_nano: ofPoint(({ endNs }) => endNs),
    start_time_unix_nano: ofPoint(({ starts, startCodes }, place) => starts[startCodes?.[place] ?? 0]!),
    flags: ofPoint(() => 0n),
  },
};

function readerOfAttribute(key: string): Reader<PointSource> {
  const name = attributeNamed(key)?.name ?? key;
  return { facts: [`${ATTRIBUTE_PREFIX}${name}`], read: ({ value }) => ottlValue(value(name)) };
}

/** Paths whose first name is no context belong to `own`. `noteUnknown` hears of attributes outside the catalogue. */
export function pointContext(own: ContextName, noteUnknown: (name: string) => void): OttlContext<PointSource> {
  const attribute = (key: string) => {
    if (attributeNamed(key) === undefined) noteUnknown(key);
    return readerOfAttribute(key);
  };

  function path({ segments }: Path, keys: readonly (Value | undefined)[]) {
    const names = segments.map(({ name }) => (name === 'instrumentation_scope' ? 'scope' : name));
    const named = names.length > 1 ? contextNames.find((context) => context === names[0]) : undefined;
    const context = named ?? own;
    const field = names.slice(named === undefined ? 0 : 1).join('.');
    const reader = fields[context][field];
    if (reader === undefined) {
      const known = Object.keys(fields[context]).map((name) => (context === own ? name : `${context}.${name}`));
      const written = segments.map(({ name }) => name).join('.');
      throw new PathError(`segment "${written}" is not a path of the ${context} context`, fixOf(written, known));
    }
    const [key] = keys;
    if (context === 'datapoint' && field === 'attributes' && typeof key === 'string') {
      return { reader: attribute(key), keysTaken: 1 };
    }
    return { reader, keysTaken: 0 };
  }

  const functions: ReadonlyMap<string, ContextFunction<PointSource>> = new Map([
    [
      'HasAttrKeyOnDatapoint',
      { parameters: ['key'], prepare: ([key]) => anyPoint(nameIn(key), (value) => value !== null) },
    ],
    [
      'HasAttrOnDatapoint',
      {
        parameters: ['key', 'value'],
        prepare: ([key, expected = null]) => anyPoint(nameIn(key), (value) => compare('==', value, expected)),
      },
    ],
  ]);
  const nameIn = (key: Value | undefined) => {
    if (typeof key === 'string') return attribute(key);
    throw new ArgumentError(0, 'expected the name of an attribute in double quotes');
  };
  return { path, enums, functions };
}

function fixOf(written: string, known: readonly string[]): string {
  const context = contextNames.find((name) => name === written);
  return context === undefined ? suggestionFor(written, known, 'paths') : `one of ${known.join(', ')}`;
}

/** About a whole metric: whether any of its points is so. */
function anyPoint(reader: Reader<PointSource>, isSo: (value: Value) => boolean): Reader<PointSource> {
  return {
    facts: [facts.metric],
    read: (source) => {
      const { table } = source;
      if (table === undefined) return false;
      const [name = ''] = attributesAmong(reader.facts);
      const column = table.series.columns.find((one) => namesOf(name).includes(one.name));
      return table.ids.some((id) => {
        const code = column?.codes[id];
        return isSo(ottlValue(code === undefined ? undefined : column?.dictionary.at(code)));
      });
    },
  };
}

/** All names under which the catalogue's attributes leave, for suggestions. */
export const knownAttributes: readonly string[] = attributes.map(({ name }) => name);
