/**
 * The attribute catalogue: one entry an attribute (or a pair of them, one for each end of a flow). Docs, validation,
 * default selections and the names of each preset come from it. An attribute that nothing fills yet may stand here: a
 * selection that names it is valid, and it is absent.
 *
 * long: it is one list, and grows by an entry with each attribute.
 */

import type { AttributeColumn, AttributeValue } from './dictionary.ts';
import type { FlowTable, NamingPreset } from './flow-table.ts';
import type { MetricFamily } from './metrics.ts';
import { protocolNames } from './protocols.ts';

/** What makes an attribute part of a default selection: a fact about the pipeline. */
export type Condition = 'always' | 'kubernetes' | 'cidrs' | 'deduper_none' | 'carriers';

export interface Attribute {
  /** Beyla's name where it has one; the one used inside. */
  readonly name: string;
  /** What it describes: one end of a flow, the flow, or the agent. */
  readonly level: 'endpoint' | 'flow' | 'resource';
  readonly type: 'string' | 'int' | 'bool';
  /** How many series it makes: `avoid` multiplies without bound. */
  readonly cardinality: 'fine' | 'careful' | 'avoid';
  readonly description: string;
  /** The attribute whose older name this is: it has the same values, and is selected by its whole name alone. */
  readonly olderNameOf?: string;
  /** When a metric family shows it without a selection; never where there is no entry. */
  readonly shown: Readonly<Partial<Record<MetricFamily, Condition>>>;
  /** Null where the convention has no such attribute: then it does not leave under that preset. */
  readonly names: Readonly<Record<NamingPreset, string | null>>;
  /** How a preset writes its values, where not as they are. */
  readonly values: Readonly<Partial<Record<NamingPreset, Writing>>>;
  /** Under a preset it leaves only where another attribute has this value, where anything fills that one. */
  readonly only: Readonly<
    Partial<Record<NamingPreset, { readonly attribute: string; readonly value: AttributeValue }>>
  >;
}

/** Each way undoes the other: different values stay different. */
export interface Writing {
  write(value: AttributeValue): AttributeValue;
  read(value: AttributeValue): AttributeValue;
}

interface Entry {
  readonly name: string;
  readonly cardinality: Attribute['cardinality'];
  readonly description: string;
  readonly type?: Attribute['type'];
  readonly level?: Attribute['level'];
  readonly shown?: Attribute['shown'];
  readonly olderNameOf?: string;
  /** Where it is not the name. */
  readonly beyla?: null;
  readonly obi?: string | null;
  readonly otel?: string | null;
  readonly values?: Attribute['values'];
  readonly only?: Attribute['only'];
}

function attribute({ beyla, obi, otel, ...entry }: Entry): Attribute {
  const orName = (name: string | null | undefined) => (name === undefined ? entry.name : name);
  const names = { beyla: orName(beyla), obi: orName(obi), otel: orName(otel) };
  return { type: 'string', level: 'flow', shown: {}, values: {}, only: {}, ...entry, names };
}

/** An attribute of each end: `{end}` stands for src and dst (source and destination in the draft convention). */
export function pair(entry: Entry & { readonly otel: string | null }): readonly [Attribute, Attribute] {
  const ofEnd = (end: string, draftEnd: string, word: string) =>
    attribute({
      level: 'endpoint',
      ...entry,
      name: entry.name.replace('{end}', end),
      ...(entry.olderNameOf === undefined ? {} : { olderNameOf: entry.olderNameOf.replace('{end}', end) }),
      otel: entry.otel?.replace('{end}', draftEnd) ?? null,
      ...(entry.only?.otel === undefined
        ? {}
        : { only: { otel: { ...entry.only.otel, attribute: entry.only.otel.attribute.replace('{end}', end) } } }),
      description: entry.description.replace('{end}', word),
    });
  return [ofEnd('src', 'source', 'source'), ofEnd('dst', 'destination', 'destination')];
}

const protocolOfLowerCase = new Map(protocolNames.map((name) => [name.toLowerCase(), name]));

/** The semantic conventions write transports in lower case. */
const lowerCaseProtocol: Writing = {
  write: (value) => String(value).toLowerCase(),
  read: (value) => protocolOfLowerCase.get(String(value)) ?? value,
};

/** In the order in which they leave. */
const catalogue: Attribute[] = [
  ...pair({
    name: '{end}.address',
    otel: '{end}.address',
    cardinality: 'careful',
    description: 'Address of the {end}.',
  }),
  ...pair({
    name: '{end}.name',
    otel: '{end}.name',
    cardinality: 'careful',
    description: 'Name of the {end}: from Kubernetes, else from DNS, else its address.',
  }),
  ...pair({
    name: '{end}.port',
    otel: '{end}.port',
    type: 'int',
    level: 'flow',
    cardinality: 'avoid',
    description: 'Port of the {end}; absent where the protocol has none.',
  }),
  attribute({
    name: 'client.port',
    type: 'int',
    cardinality: 'avoid',
    description: 'Port of the end that opened the connection; absent when unknown.',
  }),
  attribute({
    name: 'server.port',
    type: 'int',
    cardinality: 'careful',
    description: 'Port of the end that was connected to; absent when unknown.',
  }),
  attribute({
    name: 'transport',
    otel: 'network.transport',
    values: { otel: lowerCaseProtocol },
    cardinality: 'fine',
    description: 'Transport protocol, such as TCP (tcp under otel); a number where it has no name.',
  }),
  attribute({ name: 'network.type', cardinality: 'fine', description: 'ipv4 or ipv6.' }),
  attribute({
    name: 'network.protocol.name',
    cardinality: 'fine',
    description: 'Application protocol that is registered for the server port.',
  }),
  attribute({
    name: 'direction',
    otel: null,
    cardinality: 'fine',
    shown: { flow: 'always' },
    description: 'request from client to server, response the other way, or unknown.',
  }),
  attribute({
    name: 'direction.guessed',
    type: 'bool',
    cardinality: 'fine',
    description: 'true where the direction was told by the ports, not by a handshake or a listening socket.',
  }),
  attribute({
    name: 'iface',
    otel: 'network.interface.name',
    cardinality: 'fine',
    shown: { flow: 'deduper_none' },
    description: 'Network interface at which the packets were counted.',
  }),
  attribute({
    name: 'iface.direction',
    otel: 'network.interface.direction',
    cardinality: 'fine',
    shown: { flow: 'deduper_none' },
    description: 'ingress or egress, of the interface.',
  }),
  attribute({
    name: 'beyla.ip',
    obi: 'obi.ip',
    otel: 'network.local.address',
    level: 'resource',
    cardinality: 'fine',
    description: 'Address of the agent that counted.',
  }),
  attribute({
    name: 'k8s.cluster.name',
    level: 'resource',
    cardinality: 'fine',
    shown: { flow: 'kubernetes', inter_zone: 'kubernetes' },
    description: 'Kubernetes cluster of the agent.',
  }),
  ...pair({
    name: 'k8s.{end}.namespace',
    otel: '{end}.k8s.namespace.name',
    cardinality: 'fine',
    shown: { flow: 'kubernetes' },
    description: 'Kubernetes namespace of the {end}.',
  }),
  ...pair({
    name: '{end}.namespace',
    olderNameOf: 'k8s.{end}.namespace',
    otel: null,
    cardinality: 'fine',
    description: 'The same under the name of Beyla 1; globs pass it by.',
  }),
  ...pair({
    name: 'k8s.{end}.owner.name',
    otel: '{end}.k8s.owner.name',
    cardinality: 'fine',
    shown: { flow: 'kubernetes' },
    description: 'Workload that the {end} belongs to, or the object itself.',
  }),
  ...pair({
    name: 'k8s.{end}.owner.type',
    otel: '{end}.k8s.owner.type',
    cardinality: 'fine',
    shown: { flow: 'kubernetes' },
    description: 'Kind of that workload, such as Deployment.',
  }),
  ...pair({
    name: 'k8s.{end}.name',
    otel: '{end}.k8s.pod.name',
    // The draft has a name for pods alone; Services and nodes have attributes of their own.
    only: { otel: { attribute: 'k8s.{end}.type', value: 'Pod' } },
    cardinality: 'careful',
    description: 'Kubernetes object of the {end}; under otel, pods alone.',
  }),
  ...pair({
    name: 'k8s.{end}.type',
    otel: '{end}.k8s.resource.type',
    cardinality: 'fine',
    description: 'Kind of the Kubernetes object of the {end}: Pod, Service or Node.',
  }),
  ...pair({
    name: 'k8s.{end}.node.name',
    otel: '{end}.k8s.node.name',
    cardinality: 'careful',
    description: 'Node on which the {end} runs.',
  }),
  ...pair({
    name: 'k8s.{end}.node.ip',
    otel: '{end}.k8s.node.ip',
    cardinality: 'careful',
    description: 'Address of the node on which the {end} runs.',
  }),
  ...pair({
    name: 'k8s.{end}.service.name',
    otel: '{end}.k8s.service.name',
    cardinality: 'fine',
    description: 'Kubernetes Service of the {end}.',
  }),
  ...pair({
    name: 'k8s.{end}.service.namespace',
    otel: '{end}.k8s.service.namespace',
    cardinality: 'fine',
    description: 'Namespace of the Kubernetes Service of the {end}.',
  }),
  ...pair({
    name: '{end}.cidr',
    otel: '{end}.cidr',
    cardinality: 'fine',
    shown: { flow: 'cidrs' },
    description: 'Configured address range of the {end}, or its name.',
  }),
  ...pair({
    name: '{end}.zone',
    otel: '{end}.cloud.availability_zone',
    cardinality: 'fine',
    shown: { inter_zone: 'always' },
    description: 'Availability zone of the {end}.',
  }),
  ...pair({
    name: '{end}.region',
    otel: '{end}.cloud.region',
    cardinality: 'fine',
    description: 'Region of the zone of the {end}.',
  }),
  ...pair({
    name: '{end}.country',
    otel: '{end}.geo.country.iso_code',
    cardinality: 'fine',
    description: 'Country of the address of the {end}.',
  }),
  ...pair({
    name: '{end}.asn',
    otel: '{end}.as.number',
    cardinality: 'careful',
    description: 'Autonomous system of the address of the {end}.',
  }),
  attribute({
    name: 'scope',
    cardinality: 'fine',
    description: 'same_zone, cross_zone, cross_region, external or unknown.',
  }),
  attribute({
    name: 'network.flow.inter_zone',
    beyla: null,
    obi: null,
    type: 'bool',
    cardinality: 'fine',
    shown: { flow: 'always' },
    description:
      'true where the two zones differ. Where a preset has a metric of its own for such flows, they are there.',
  }),
  ...pair({
    name: '{end}.nat.address',
    otel: '{end}.nat.address',
    level: 'flow',
    cardinality: 'careful',
    description: 'Address of the {end} on the wire, where connection tracking names another true end.',
  }),
  ...pair({
    name: '{end}.nat.port',
    otel: '{end}.nat.port',
    type: 'int',
    level: 'flow',
    cardinality: 'avoid',
    description: 'Port of the {end} on the wire, where connection tracking names another true end.',
  }),
  attribute({
    name: 'tunnel',
    cardinality: 'fine',
    shown: { flow: 'carriers', inter_zone: 'carriers' },
    description: 'Kind of the tunnel that the packets carry, such as vxlan; absent where they carry none.',
  }),
  attribute({
    name: 'sampling.ratio',
    type: 'int',
    level: 'resource',
    cardinality: 'fine',
    description:
      'One packet in this many was counted, and the values are scaled up again; absent where all are counted.',
  }),
];

/** All of them; those that a configuration brings come last. */
export const attributes: readonly Attribute[] = catalogue;

const presets = ['beyla', 'obi', 'otel'] as const;
const byName = new Map<string, Attribute>();
const bySpelling = new Map<string, Attribute>();

function index(added: readonly Attribute[]): void {
  for (const attribute of added) byName.set(attribute.name, attribute);
  for (const preset of presets) {
    for (const attribute of added) {
      const spelling = attribute.names[preset]?.replaceAll('.', '_');
      if (spelling !== undefined && !bySpelling.has(spelling)) bySpelling.set(spelling, attribute);
    }
  }
}
index(catalogue);

/**
 * Attributes that a configuration or the data brings, such as labels: from now on they can be selected like others. What
 * has a name already stays as it is.
 */
export function addAttributes(more: readonly Attribute[]): void {
  const added = more.filter(({ name }) => !byName.has(name));
  catalogue.push(...added);
  index(added);
}

const ownNames: ReadonlySet<string> = new Set(catalogue.map(({ name }) => name));

/** True for the names that this build has, whatever was added. */
export const isOwnAttribute = (name: string): boolean => ownNames.has(name);

/** The attribute of that very name inside. */
export const attributeOf = (name: string): Attribute | undefined => byName.get(name);

/** The attribute of that name in any preset's spelling, with dots or underscores; where two have it, the first preset's. */
export function attributeNamed(name: string): Attribute | undefined {
  return bySpelling.get(name.replaceAll('.', '_'));
}

/** By the name under which a preset sends values that it writes in its own way. */
const readings = new Map(
  presets.flatMap((preset) =>
    attributes.flatMap(({ names, values }) => [[names[preset], values[preset]?.read] as const]),
  ),
);

/** Gives back a value as it is under the catalogue's name, from how the preset that has this name sends it. */
export function readingOf(name: string): (value: AttributeValue) => AttributeValue {
  return readings.get(name) ?? ((value) => value);
}

/** The names under which an attribute may leave; of one outside the catalogue its own. */
export function namesOf(name: string): readonly string[] {
  const names = byName.get(name)?.names;
  return names === undefined ? [name] : presets.flatMap((preset) => names[preset] ?? []);
}

/** The column that has an attribute's values; undefined when nothing fills it. */
export function columnOf(table: FlowTable, attribute: string): AttributeColumn | undefined {
  return table.columns.get(byName.get(attribute)?.olderNameOf ?? attribute);
}

/** What a table says about its pipeline. */
export function conditionsOf(table: FlowTable): ReadonlySet<Condition> {
  const conditions = new Set<Condition>(['always']);
  if (table.columns.has('k8s.src.owner.name')) conditions.add('kubernetes');
  if (table.columns.has('src.cidr')) conditions.add('cidrs');
  if (table.everyInterface === true) conditions.add('deduper_none');
  if (table.carriers === true) conditions.add('carriers');
  return conditions;
}

/** The attributes that a metric of this family shows without a selection. */
export function defaultAttributes(family: MetricFamily, conditions: ReadonlySet<Condition>): readonly string[] {
  return attributes
    .filter(({ shown }) => shown[family] !== undefined && conditions.has(shown[family]))
    .map(({ name }) => name);
}
