/** From what a user of Beyla or OBI configured to a collector.yaml with the same wish, and what there is to say about it. */

import { suggestionFor } from '../../core/config/suggest.ts';
import { type Block, exportersOf } from './exporters.ts';
import { isSection, noEffect, sameInReceiver, siblingsOf } from './known.ts';
import { createNotes, type Note, type Notes } from './notes.ts';
import { processorsOf } from './processors.ts';
import { type BeylaSource, type Found, isTrue, listOf, scalarOf, textOf } from './source.ts';

export interface Converted {
  readonly config: Block;
  readonly notes: readonly Note[];
}

export function convertBeyla(source: BeylaSource): Converted {
  const notes = createNotes();
  const receiver = receiverOf(source, notes);
  const processors = processorsOf(source, notes);
  const { cumulative, windows, ttl } = exportersOf(source, notes);
  const names = Object.keys(processors);
  const toCumulative = [cumulative]
    .filter((some) => Object.keys(some).length > 0)
    .flatMap(() => cumulativeOf(source, ttl));
  const pipelines: Record<string, Block> = {};
  const addPipeline = (id: string, exporters: readonly string[], more: readonly string[]) => {
    if (exporters.length > 0)
      pipelines[id] = { receivers: ['ebpf_network'], processors: [...names, ...more], exporters };
  };
  const later = toCumulative.map(([name]) => name);
  addPipeline('metrics', Object.keys(cumulative), later);
  addPipeline(pipelines.metrics === undefined ? 'metrics' : 'metrics/windows', Object.keys(windows), []);
  const zoned = (receiver.features as readonly string[]).some((name) =>
    ['network_inter_zone', 'all', '*'].includes(name),
  );
  if (zoned && !names.includes('zone')) notes.remark('network_inter_zone', 'needs zones: add the processor `zone`');
  const telemetry = telemetryOf(source);
  reportLeft(source, notes);
  return {
    config: {
      receivers: { ebpf_network: receiver },
      processors: { ...processors, ...Object.fromEntries(toCumulative) },
      exporters: { ...cumulative, ...windows },
      service: { pipelines, ...telemetry },
    },
    notes: notes.all(),
  };
}

const variableOf = (key: string) => `NETWORK_${key.toUpperCase()}`;
const variableNames = [
  ...sameInReceiver.map(variableOf),
  ...['METRICS', 'CIDRS', 'PRINT_FLOWS', 'ALLOWED_ATTRIBUTES', 'DROP_EXTERNAL'].map(variableOf),
];
const listKeys: readonly string[] = ['interfaces', 'exclude_interfaces', 'protocols', 'exclude_protocols'];

/** What is otherwise than in Beyla, said where the option is used. */
const otherMeanings: Readonly<Record<string, string>> = {
  sampling: 'values are scaled up again, with sampling.ratio',
  cache_max_flows: 'what the table in the kernel may grow to; what is past it is counted as lost, not dropped silently',
  deduper_fc_ttl: 'it decides nothing: counting once needs no cache that could forget',
};

function receiverOf(source: BeylaSource, notes: Notes): Block {
  const block: Block = {};
  for (const key of sameInReceiver) {
    const found = source.find(`network.${key}`, variableOf(key));
    if (found === undefined) continue;
    if (['sampling', 'cache_max_flows'].includes(key) && !(Number(found.value) > 0)) {
      if (Number(found.value) !== 0) notes.noEffect(found, 'it must be positive');
      continue;
    }
    block[key] = listKeys.includes(key) ? listOf(found) : scalarOf(found);
    const meaning = otherMeanings[key];
    if (meaning !== undefined) notes.otherMeaning(found, meaning);
    if (['interfaces', 'exclude_interfaces', 'direction'].includes(key)) noteFilter(source, found, notes);
  }
  if (block.source === undefined) {
    notes.remark(
      'network.source',
      "is not set: Beyla's default is socket_filter, here it is tc, which counts the same traffic",
    );
  }
  const backend = source.find('ebpf.traffic_control_backend', 'BPF_TC_BACKEND');
  if (backend !== undefined) block.traffic_control_backend = textOf(backend) === 'netlink' ? 'tc' : textOf(backend);
  const instance = source.find('attributes.instance_id');
  if (instance !== undefined) block.instance_id = instance.value;
  const host = source.find('attributes.host_id.override', 'HOST_ID');
  if (host !== undefined) block.resource_attributes = { 'host.id': textOf(host) };
  block.features = featuresOf(source, notes);
  if (speaksObi(source)) block.metric_names = 'obi';
  return block;
}

function noteFilter(source: BeylaSource, found: Found, notes: Notes): void {
  if (textOf(source.find('network.source', variableOf('source'))) === 'tc') return;
  notes.otherMeaning(found, "it is obeyed; Beyla's socket_filter passes it over");
}

/** Metrics and attributes under OBI's names are asked for, or its variables are used. */
function speaksObi(source: BeylaSource): boolean {
  const select = source.find('attributes.select');
  const keys = typeof select?.value === 'object' && select.value !== null ? Object.keys(select.value) : [];
  const prefixed = (prefix: RegExp) => keys.some((key) => prefix.test(key));
  if (prefixed(/^beyla[._]/) || source.prefixes.has('BEYLA_')) return false;
  return prefixed(/^obi[._]/) || source.prefixes.has('OTEL_EBPF_');
}

function featuresOf(source: BeylaSource, notes: Notes): readonly string[] {
  const found = [
    source.find('otel_metrics_export.features', 'METRICS_FEATURES', 'METRIC_FEATURES'),
    source.find('prometheus_export.features', 'PROMETHEUS_FEATURES'),
    source.find('metrics.features'),
  ];
  const enabled = isTrue(source.find('network.enable', 'NETWORK_METRICS'));
  const features = new Set(enabled ? ['network'] : []);
  for (const one of found) {
    const [known, others] = [listOf(one), listOf(one)].map((list, place) =>
      list.filter((name) => /^(network(_flow_packets|_inter_zone)?|all|\*)$/.test(name) === (place === 0)),
    );
    for (const name of known ?? []) features.add(name);
    const left = (others ?? []).join(', ');
    if (one !== undefined && left !== '')
      notes.noEffect({ ...one, option: `${one.option} (${left})` }, 'only metrics of flows are made here');
  }
  if (features.size > 0) return [...features];
  notes.remark(
    'network.enable',
    'is not set, and no feature of the network: Beyla would count no flows, this configuration does',
  );
  return ['network'];
}

/** Processors behind the selection, for who wants sums that grow. */
function cumulativeOf(source: BeylaSource, ttl: unknown): [string, Block][] {
  const temporality = source.find('', 'OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE');
  if (textOf(temporality).toLowerCase() === 'delta') return [];
  const interval = source.find('otel_metrics_export.interval', 'METRICS_INTERVAL');
  const standard = source.find('', 'OTEL_METRIC_EXPORT_INTERVAL');
  const time = interval?.value ?? (standard === undefined ? undefined : `${textOf(standard)}ms`);
  return [
    ['delta_to_cumulative', ttl === undefined ? {} : { max_stale: ttl }],
    ['interval', time === undefined ? {} : { interval: time }],
  ];
}

function telemetryOf(source: BeylaSource): Block {
  // It says where the file is, which has been read.
  source.find('', 'CONFIG_PATH');
  const level = textOf(source.find('log_level', 'LOG_LEVEL')).toLowerCase();
  return ['debug', 'info', 'warn', 'error'].includes(level) ? { telemetry: { logs: { level } } } : {};
}

/** Every option that nobody read: without effect, or unknown. */
function reportLeft(source: BeylaSource, notes: Notes): void {
  source.visitLeft((left) => {
    const reason = noEffect[left.option];
    if (isSection(left.option) && typeof left.value === 'object' && left.value !== null && !Array.isArray(left.value)) {
      return 'enter';
    }
    if (reason !== undefined) notes.noEffect(left, reason);
    else if (left.option.startsWith('ebpf.')) notes.noEffect(left, noEffect.ebpf!);
    else notes.unknown(left, suggestionFor(left.option.split('.').at(-1)!, siblingsOf(left.option), 'options'));
    return 'done';
  });
  for (const option of source.variablesLeft()) {
    const left = { option, place: 'environment' };
    const name = option.replace(/^(OTEL_EBPF_|BEYLA_(OTEL_)?)/, '');
    if (!name.startsWith('NETWORK_')) notes.noEffect(left, 'it is not about the flows of the network');
    else if (/^NETWORK_GEOIP_/.test(name)) notes.noEffect(left, noEffect['network.geo_ip']!);
    else notes.unknown(left, suggestionFor(name, variableNames, 'variables'));
  }
}
