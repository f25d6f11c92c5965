/**
 * The keys of `ebpf_network`: their formats, defaults and docs. Names are those of Beyla.
 *
 * long: it is one list, and grows by an entry with each key.
 */

import { isIP } from 'node:net';
import type { ConfigProblem } from '../../core/component/define.ts';
import { boolean, duration, nonNegativeInteger, oneOf, positiveInteger, text } from '../../core/config/formats.ts';
import { featureList, presetList, textListOf } from '../../core/config/lists.ts';
import { type ConfigSchema, type Format, FormatError } from '../../core/config/schema.ts';
import { suggestionFor } from '../../core/config/suggest.ts';
import type { NamingPreset } from '../../core/table/flow-table.ts';
import { type Feature, features } from '../../core/table/metrics.ts';
import { protocolNames, protocolNumber } from '../../core/table/protocols.ts';
import { type NamePattern, parseNamePattern } from './name-pattern.ts';
import { type ResourceAttributes, resourceAttributes } from './resource-attributes.ts';

export interface EbpfNetworkConfig {
  readonly source: 'tc' | 'socket_filter' | 'auto';
  readonly traffic_control_backend: 'auto' | 'tcx' | 'tc';
  readonly interfaces: readonly NamePattern[];
  readonly exclude_interfaces: readonly NamePattern[];
  /** IP protocol numbers. */
  readonly protocols: readonly number[];
  readonly exclude_protocols: readonly number[];
  readonly direction: 'ingress' | 'egress' | 'both';
  /** 0 and 1: all. */
  readonly sampling: number;
  readonly tunnels: 'inner' | 'outer' | 'both';
  readonly deduper: 'first_come' | 'none';
  /** Milliseconds; decides nothing. */
  readonly deduper_fc_ttl: number;
  readonly nat: 'conntrack' | 'none';
  readonly cache_max_flows: number;
  /** Empty: nothing outlives the agent. */
  readonly pin_path: string;
  /** Milliseconds. */
  readonly cache_active_timeout: number;
  readonly guess_ports: 'disable' | 'ordinal';
  readonly exclude_self: boolean;
  readonly listen_interfaces: 'watch' | 'poll';
  /** Milliseconds. */
  readonly listen_poll_period: number;
  readonly netns: 'host' | 'all';
  /** Empty: found by the next two. */
  readonly agent_ip: string;
  /** `external`, `local` or `name:eth0`. */
  readonly agent_ip_iface: string;
  readonly agent_ip_type: 'any' | 'ipv4' | 'ipv6';
  readonly metric_names: readonly NamingPreset[];
  readonly features: readonly Feature[];
  readonly instance_id: {
    readonly dns: boolean;
    /** Empty: the host's own name. */
    readonly override_hostname: string;
  };
  readonly resource_attributes: ResourceAttributes;
}

/** Two slots a flow at 64 bytes and as much for what is seldom touched: 4 GiB at this number. */
const MAX_FLOWS = 1 << 24;
/** Below, reading the table would be all that the agent does. */
const MIN_ACTIVE_TIMEOUT_MS = 10;
/** Above, a crash costs more than an hour of flows. */
const MAX_ACTIVE_TIMEOUT_MS = 3_600_000;
/** Each look asks the kernel for every interface. */
const MIN_POLL_PERIOD_MS = 100;
const MAX_POLL_PERIOD_MS = 3_600_000;

/** Beyond it whole windows go by without a packet that is counted. */
const MAX_SAMPLING = 1_000_000;

const flowCapacity: Format<number> = (value) => {
  const flows = positiveInteger(value);
  if (flows > MAX_FLOWS) {
    throw new FormatError({ message: `must be at most ${MAX_FLOWS}, got ${flows}`, fix: 'write fewer flows' });
  }
  return flows;
};

const samplingRatio: Format<number> = (value) => {
  const ratio = nonNegativeInteger(value);
  if (ratio > MAX_SAMPLING) {
    throw new FormatError({ message: `must be at most ${MAX_SAMPLING}, got ${ratio}`, fix: 'count more packets' });
  }
  return ratio;
};

/** The texts are the limits as a user would write them. */
function timeBetween(minMs: number, minText: string, maxMs: number, maxText: string): Format<number> {
  return Object.assign(
    (value: unknown) => {
      const timeMs = duration(value);
      const fix = 'write a time such as 5s';
      if (timeMs === 0) throw new FormatError({ message: 'must be positive', fix });
      if (timeMs < minMs || timeMs > maxMs) {
        throw new FormatError({ message: `must be from ${minText} to ${maxText}, got ${value}`, fix });
      }
      return timeMs;
    },
    duration.print === undefined ? {} : { print: duration.print },
  );
}

const namePatterns = textListOf<NamePattern>(
  (text) => {
    if (text === '') throw new FormatError({ message: 'must not be empty', fix: 'write a name such as eth0' });
    try {
      return parseNamePattern(text);
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      throw new FormatError({ message: reason, fix: 'write a JavaScript regular expression between the slashes' });
    }
  },
  ({ text }) => text,
);

const protocolList = textListOf<number>(
  (text) => {
    const number = protocolNumber(text);
    if (number !== undefined) return number;
    const known = protocolNames.filter((name) => !/^\d+$/.test(name));
    throw new FormatError({ message: `unknown protocol "${text}"`, fix: suggestionFor(text, known, 'protocols') });
  },
  (number) => protocolNames[number] ?? String(number),
);

const address: Format<string> = Object.assign(
  (value: unknown) => {
    if (typeof value === 'string' && (value === '' || isIP(value) !== 0)) return value;
    throw new FormatError({ message: `invalid IP address "${value}"`, fix: 'write an address such as 192.0.2.10' });
  },
  { text: true as const },
);

const pinFolder: Format<string> = Object.assign(
  (value: unknown) => {
    const path = text(value);
    const fix = 'write an absolute path such as /sys/fs/bpf/weir';
    if (path !== '' && !path.startsWith('/'))
      throw new FormatError({ message: `must be absolute, got "${path}"`, fix });
    return path;
  },
  { text: true as const },
);

const agentInterface: Format<string> = Object.assign(
  (value: unknown) => {
    if (typeof value === 'string' && /^(external|local|name:.+)$/.test(value)) return value;
    throw new FormatError({ message: `unsupported value "${value}"`, fix: 'one of external, local, name:eth0' });
  },
  { text: true as const },
);

export const schema: ConfigSchema<EbpfNetworkConfig> = {
  source: {
    doc: 'How packets are seen: `tc`, programs at the ingress and egress of each interface; `socket_filter`, one packet socket; `auto`, the socket only where `tc` cannot attach.',
    format: oneOf('tc', 'socket_filter', 'auto'),
    default: 'tc',
  },
  traffic_control_backend: {
    doc: 'How `tc` attaches: `tcx` (Linux 6.6 and later), `tc` (clsact filters), or `auto`: clsact only where the kernel has no tcx.',
    format: oneOf('auto', 'tcx', 'tc'),
    default: 'auto',
  },
  interfaces: {
    doc: 'Interfaces to count on, exact names or `/regular expressions/`; empty: every leaf device.',
    format: namePatterns,
    default: [],
  },
  exclude_interfaces: {
    doc: 'Interfaces to leave out, written the same way; wins over `interfaces`.',
    format: namePatterns,
    default: ['lo'],
  },
  protocols: {
    doc: 'Protocols to count, by name such as `TCP` or by number; empty: all. Wins over `exclude_protocols`.',
    format: protocolList,
    default: [],
  },
  exclude_protocols: { doc: 'Protocols not to count.', format: protocolList, default: [] },
  direction: {
    doc: 'Count packets that enter an interface (`ingress`), leave it (`egress`), or `both`.',
    format: oneOf('ingress', 'egress', 'both'),
    default: 'both',
  },
  sampling: {
    doc: 'Count one packet in this many and scale the values up again, with `sampling.ratio`; `0` and `1`: all.',
    format: samplingRatio,
    default: 0,
  },
  tunnels: {
    doc: 'Which packet of a tunnel is a flow: the one inside (`inner`), the one that carries it (`outer`), or `both`. The other is `filtered{reason="tunnel"}`; carrying flows have the attribute `tunnel`.',
    format: oneOf('inner', 'outer', 'both'),
    default: 'inner',
  },
  deduper: {
    doc: 'Count each packet once on this host (`first_come`), or at every interface that it crosses (`none`): bridges, VLANs and both directions too, and `iface` and `iface.direction` are selected by default.',
    format: oneOf('first_come', 'none'),
    default: 'first_come',
  },
  deduper_fc_ttl: {
    doc: 'Accepted from Beyla, decides nothing: counting once needs no cache that could forget.',
    format: duration,
    default: '0s',
  },
  nat: {
    doc: 'Which ends a flow names where this host translates addresses: `conntrack`, the client and the server that answers, with what the packets show in `src.nat.address` and the like; `none`, what the packets show.',
    format: oneOf('conntrack', 'none'),
    default: 'conntrack',
  },
  cache_max_flows: {
    doc: 'Flows that fit into the kernel table, which starts small and grows to this; rounded up to a power of two.',
    format: flowCapacity,
    default: 131_072,
  },
  pin_path: {
    doc: 'A folder on a bpf file system, such as `/sys/fs/bpf/weir`: tables and programs stay there and go on counting when the agent ends, and the next one takes them over. Empty: nothing outlives the agent.',
    format: pinFolder,
    default: '',
  },
  cache_active_timeout: {
    doc: 'How often the table is read; from `10ms` to `1h`.',
    format: timeBetween(MIN_ACTIVE_TIMEOUT_MS, '10ms', MAX_ACTIVE_TIMEOUT_MS, '1h'),
    default: '5s',
  },
  guess_ports: {
    doc: 'Who is the client where neither a handshake nor a listening socket of this host tells: nobody knows (`disable`), or the end with the higher port (`ordinal`), and `direction.guessed` is true.',
    format: oneOf('disable', 'ordinal'),
    default: 'disable',
  },
  exclude_self: {
    doc: "Leave out the connections that this agent opens itself, to its exporters' servers above all; they are in the ledger as `self`.",
    format: boolean,
    default: true,
  },
  listen_interfaces: {
    doc: 'How interfaces that come, go and change are noticed: `watch`, the kernel says so; `poll`, by looking.',
    format: oneOf('watch', 'poll'),
    default: 'watch',
  },
  listen_poll_period: {
    doc: 'How often `poll` looks; from `100ms` to `1h`.',
    format: timeBetween(MIN_POLL_PERIOD_MS, '100ms', MAX_POLL_PERIOD_MS, '1h'),
    default: '10s',
  },
  netns: {
    doc: 'Which network namespaces: the one that the agent runs in (`host`), or those with a name in `/var/run/netns` too (`all`), which needs `CAP_SYS_ADMIN`.',
    format: oneOf('host', 'all'),
    default: 'host',
  },
  agent_ip: { doc: "The agent's own address, `beyla.ip`; empty: found by the next two.", format: address, default: '' },
  agent_ip_iface: {
    doc: "Where the agent's address comes from: `external`, the one that reaches the internet; `local`, the first interface; `name:eth0`.",
    format: agentInterface,
    default: 'external',
  },
  agent_ip_type: {
    doc: 'Which address to take: `any`, `ipv4` or `ipv6`.',
    format: oneOf('any', 'ipv4', 'ipv6'),
    default: 'any',
  },
  metric_names: {
    doc: 'Whose metric and attribute names leave: `beyla`, `obi`, `otel`, or a list of them.',
    format: presetList,
    default: 'beyla',
  },
  features: {
    doc: 'Which metrics are made: `network`, bytes; `network_flow_packets`; `network_inter_zone`, bytes between zones; or `all`.',
    format: featureList,
    default: [...features],
  },
  instance_id: {
    dns: {
      doc: 'Look for the domain of the host name (`host.name`) in `/etc/hosts` and, for half a second at most, in the DNS.',
      format: boolean,
      default: true,
    },
    override_hostname: {
      doc: 'The host name to send (`host.name`), which also tells this agent from others (`service.instance.id`); empty: the host has its own.',
      format: text,
      default: '',
    },
  },
  resource_attributes: {
    doc: 'Attributes of the agent by name, such as `{deployment.environment.name: prod}`; `{host.id: {enabled: false}}` leaves one out. Wins over `OTEL_RESOURCE_ATTRIBUTES`.',
    format: resourceAttributes,
    default: {},
  },
};

/** What contradicts itself between keys. */
export function problemsBetween({ pin_path, source, netns }: EbpfNetworkConfig): readonly ConfigProblem[] {
  if (pin_path === '') return [];
  const problems: ConfigProblem[] = [];
  if (source !== 'tc') {
    const message = `pin_path needs source: tc, got ${source}: a packet socket ends with its process`;
    problems.push({ path: ['pin_path'], message, fix: 'set source: tc, or remove pin_path' });
  }
  if (netns !== 'host') {
    const message = `pin_path needs netns: host, got ${netns}: other network namespaces are let go with the process`;
    problems.push({ path: ['pin_path'], message, fix: 'set netns: host, or remove pin_path' });
  }
  return problems;
}

/** Keys of Beyla's `network` section that live elsewhere here. */
export const elsewhere: Readonly<Record<string, string>> = {
  cidrs: 'the `cidr` processor',
  reverse_dns: 'the `reverse_dns` processor',
  geo_ip: 'a component of its own, which this build does not have',
  print_flows: 'the `debug` exporter',
  enable: 'the pipelines of `service`: a receiver that stands in one is on',
  allowed_attributes: 'the `attribute_select` processor',
  attributes: 'the processors `attribute_select` (its `select`) and `k8s_attributes`',
  select: 'the `attribute_select` processor',
  filter: 'the `filter` processor',
  filters: 'the `filter` processor',
  cluster_name: 'the `flow` block of the `k8s_attributes` processor',
  drop_external: 'the `flow` block of the `k8s_attributes` processor',
  disable_informers: 'the `flow` block of the `k8s_attributes` processor',
  meta_restrict_local_node: 'the `flow` block of the `k8s_attributes` processor',
  ttl: '`max_stale` of `delta_to_cumulative`, `metric_expiration` of `prometheus`',
  interval: '`cache_active_timeout` here, and the `interval` processor',
  metrics: '`features` here',
  force_bpf_map_reader: 'nowhere: there is one way to read the table',
};

/** Protocol numbers for the kernel; undefined when all are counted. */
export function countedProtocols({ protocols, exclude_protocols }: EbpfNetworkConfig): readonly number[] | undefined {
  if (protocols.length > 0) return protocols;
  if (exclude_protocols.length === 0) return undefined;
  return protocolNames.map((_, number) => number).filter((number) => !exclude_protocols.includes(number));
}

/** One packet in this many. */
export const samplingOf = ({ sampling }: EbpfNetworkConfig) => Math.max(1, sampling);
