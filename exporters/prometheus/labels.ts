/**
 * The labels of a series as they are scraped: what of resource, scope and configuration is on every series of a sender,
 * the attributes of a point, and what happens when two of them have the same label.
 */

import type { AttributeValue } from '../../core/table/dictionary.ts';
import type { Resource, Scope } from '../../core/table/resource.ts';
import type { SeriesIndex } from '../../core/table/series-index.ts';
import { labelName } from './names.ts';

export interface LabelRules {
  /** Labels of the configuration. */
  readonly constant: Readonly<Record<string, string>>;
  /** Which attributes of the resource are labels of each of its series. */
  fromResource(attribute: string): boolean;
  readonly scopeInfo: boolean;
  /** Called for names that became one label. Their values are joined by `;`, as the specification says. */
  onCollision(label: string, names: readonly string[]): void;
}

/** One value for a label, under the name it had before. */
interface Source {
  readonly name: string;
  readonly label: string;
  /** Of a point: the value of its series; otherwise the same for every series. Empty where it is absent. */
  valueOf(id: number): string;
}

/**
 * Gives what stands between name and value of a series, `{a="1",b="2"} `, a space where it has no labels. The same text is
 * the same series.
 */
export type LabelText = (id: number) => string;

/** Texts of one label that are kept for each attribute, by code: zones, names, ports. */
const MAX_KEPT = 4096;

const identityAttributes: readonly string[] = ['service.name', 'service.namespace', 'service.instance.id'];

/** Empty values are left out: to Prometheus, a label without a value is no label. */
export function seriesLabels(index: SeriesIndex, resource: Resource, scope: Scope, rules: LabelRules): LabelText {
  const sources: readonly Source[] = [...pointSources(index), ...senderSources(resource, scope, rules)];
  const labels = groupByLabel(sources, rules);
  const pairs = labels.map((label) => keptByCode(label, index));
  return (id) => {
    let text = '';
    for (const pairOf of pairs) {
      const pair = pairOf(id);
      if (pair !== '') text = text === '' ? pair : `${text},${pair}`;
    }
    return text === '' ? ' ' : `{${text}} `;
  };
}

/** The pair of a label, worked out once a code where one attribute alone has the label. */
function keptByCode({ label, parts }: Label, { columns }: SeriesIndex): (id: number) => string {
  const pairOf = (id: number) => pairText(label, joined(parts.map((part) => part.valueOf(id))));
  const own = columns.filter(({ name }) => parts.some((part) => part.name === name));
  if (own.length === 0) {
    const same = pairOf(0);
    return () => same;
  }
  if (own.length > 1) return pairOf;
  const [column] = own;
  const kept: (string | undefined)[] = [];
  return (id) => {
    const code = column!.codes[id]!;
    if (code >= MAX_KEPT) return pairOf(id);
    kept[code] ??= pairOf(id);
    return kept[code];
  };
}

const pairText = (label: string, value: string) => (value === '' ? '' : `${label}="${escaped(value)}"`);

/** The labels of the `target_info` of a resource; undefined where it would say nothing. */
export function targetLabels({ attributes }: Resource, rules: LabelRules): string | undefined {
  const identity = identitySources(attributes);
  const described = Object.entries(attributes).filter(([name]) => !identityAttributes.includes(name));
  if (identity.length === 0 || described.length === 0) return undefined;
  const labels = groupByLabel([...described.map(([name, value]) => constantSource(name, value)), ...identity], rules);
  return labels
    .map(({ label, parts }) => pairText(label, joined(parts.map((part) => part.valueOf(0)))))
    .filter((pair) => pair !== '')
    .join(',');
}

/** `job` and `instance` as text, by which a target is one. */
export const targetIdentity = ({ attributes }: Resource): string =>
  JSON.stringify(identitySources(attributes).map((source) => source.valueOf(0)));

function pointSources({ columns }: SeriesIndex): readonly Source[] {
  return columns.map((column) => ({
    name: column.name,
    label: labelName(column.name),
    valueOf: (id) => {
      const value = column.dictionary.at(column.codes[id]!);
      return value === undefined ? '' : String(value);
    },
  }));
}

function senderSources({ attributes }: Resource, scope: Scope, rules: LabelRules): readonly Source[] {
  const chosen = Object.entries(attributes).filter(([name]) => rules.fromResource(name));
  return [
    ...chosen.map(([name, value]) => constantSource(name, value)),
    ...(rules.scopeInfo
      ? [constantSource('otel_scope_name', scope.name), constantSource('otel_scope_version', scope.version)]
      : []),
    ...identitySources(attributes),
    ...Object.entries(rules.constant).map(([name, value]) => constantSource(name, value)),
  ];
}

/** What Prometheus calls a target: `job` is namespace and name of the service, `instance` its id. */
function identitySources(attributes: Resource['attributes']): readonly Source[] {
  const [name = '', namespace = '', instance = ''] = identityAttributes.map((attribute) => attributes[attribute]);
  const job = namespace === '' ? name : `${namespace}/${name}`;
  return [
    ...(name === '' ? [] : [constantSource('job', job)]),
    ...(instance === '' ? [] : [constantSource('instance', instance)]),
  ];
}

function constantSource(name: string, value: AttributeValue): Source {
  const text = String(value);
  return { name, label: labelName(name), valueOf: () => text };
}

interface Label {
  readonly label: string;
  readonly parts: readonly Source[];
}

/** In the order in which labels come first; the sources of one label in that of their names. */
function groupByLabel(sources: readonly Source[], rules: LabelRules): readonly Label[] {
  return [...Map.groupBy(sources, ({ label }) => label)].map(([label, all]) => {
    const parts = [...Map.groupBy(all, ({ name }) => name).values()]
      .map((same) => (same.length === 1 ? same[0]! : firstOf(same)))
      .sort((a, b) => (a.name < b.name ? -1 : 1));
    if (parts.length > 1) {
      rules.onCollision(
        label,
        parts.map(({ name }) => name),
      );
    }
    return { label, parts };
  });
}

/** What a point says of itself goes before what is said of its sender under the same name. */
const firstOf = (same: readonly Source[]): Source => ({
  ...same[0]!,
  valueOf: (id) => same.map((source) => source.valueOf(id)).find((value) => value !== '') ?? '',
});

/** Each value at its place, also beside an empty one: `a;` and `;a` are two series. */
const joined = (values: readonly string[]) => (values.every((value) => value === '') ? '' : values.join(';'));

const escaped = (value: string) =>
  /[\\"\n]/.test(value) ? value.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n') : value;
