/** What Beyla did with flows between counting and sending, as processors in their order. */

import type { Block } from './exporters.ts';
import type { Notes } from './notes.ts';
import { type BeylaSource, type Found, isTrue, listOf, scalarOf, textOf } from './source.ts';

export function processorsOf(source: BeylaSource, notes: Notes): Readonly<Record<string, Block>> {
  const processors: Record<string, Block> = {};
  const kubernetes = kubernetesOf(source, notes);
  if (kubernetes !== undefined) processors.k8s_attributes = kubernetes;
  const cidrs = source.find('network.cidrs', 'NETWORK_CIDRS');
  if (cidrs !== undefined) processors.cidr = { cidrs: Array.isArray(cidrs.value) ? cidrs.value : listOf(cidrs) };
  if (kubernetes !== undefined) {
    processors.zone = {};
    notes.remark(
      'network_inter_zone',
      "counts the flows whose zones are both known; unknown_zones: count of `zone` is Beyla's rule",
    );
  }
  const dns = reverseDnsOf(source, notes);
  if (dns !== undefined) processors.reverse_dns = dns;
  const filter = source.find('filter.network');
  if (filter !== undefined) processors.filter = { network: filter.value };
  processors.attribute_select = selectionOf(source, notes);
  return processors;
}

/** Undefined: no names of Kubernetes are wished for. */
function kubernetesOf(source: BeylaSource, notes: Notes): Block | undefined {
  const at = (key: string, ...variables: readonly string[]) =>
    source.find(`attributes.kubernetes.${key}`, ...variables);
  const enable = at('enable', 'KUBE_METADATA_ENABLE');
  const flow: Block = {};
  const block: Block = {};
  const set = (target: Block, key: string, found: Found | undefined, value: unknown = found?.value) => {
    if (found !== undefined) target[key] = value;
  };
  const kubeconfig = at('kubeconfig_path');
  set(block, 'auth_type', kubeconfig, 'kubeConfig');
  set(block, 'kube_config_path', kubeconfig);
  set(block, 'wait_for_metadata_timeout', at('informers_sync_timeout', 'KUBE_INFORMERS_SYNC_TIMEOUT'));
  set(flow, 'cluster_name', at('cluster_name', 'KUBE_CLUSTER_NAME'));
  const drop = at('drop_external', 'NETWORK_DROP_EXTERNAL');
  set(flow, 'drop_external', drop, isTrue(drop));
  const local = at('meta_restrict_local_node', 'KUBE_META_RESTRICT_LOCAL_NODE');
  set(flow, 'meta_restrict_local_node', local, isTrue(local));
  if (isTrue(local)) notes.otherMeaning(local!, 'the agent must be told its node by the variable NODE_NAME');
  const disabled = at('disable_informers', 'KUBE_DISABLE_INFORMERS');
  set(
    flow,
    'disable_informers',
    disabled,
    listOf(disabled).map((name) => name.toLowerCase()),
  );
  if (enable !== undefined && !isTrue(enable) && textOf(enable).toLowerCase() !== 'autodetect') return undefined;
  const option = { place: enable?.place ?? '', option: 'attributes.kubernetes' };
  if (enable === undefined) {
    notes.remark(
      'attributes.kubernetes.enable',
      'is not set: Kubernetes is found out, as by the newer releases; the older ones left it off',
    );
  }
  notes.otherMeaning(
    option,
    "a flow between two nodes is reported once, by the source's; flow::observer: both is Beyla's rule",
  );
  return { ...block, ...(Object.keys(flow).length > 0 ? { flow } : {}) };
}

function reverseDnsOf(source: BeylaSource, notes: Notes): Block | undefined {
  const at = (key: string, name: string) =>
    source.find(`network.reverse_dns.${key}`, `REVERSE_DNS_${name}`, `NETWORK_REVERSE_DNS_${name}`);
  const type = at('type', 'TYPE');
  const length = at('cache_len', 'CACHE_LEN');
  const expiry = at('cache_expiry', 'CACHE_TTL');
  if (type !== undefined && textOf(type) === 'ebpf') {
    notes.noEffect(type, 'names are not read from the answers of DNS on the wire; type: local asks name servers');
  }
  if (textOf(type) !== 'local') return undefined;
  return {
    type: 'local',
    ...(length === undefined ? {} : { cache_len: scalarOf(length) }),
    ...(expiry === undefined ? {} : { cache_expiry: expiry.value }),
  };
}

function selectionOf(source: BeylaSource, notes: Notes): Block {
  const select = source.find('attributes.select');
  const allowed = source.find('network.allowed_attributes', 'NETWORK_ALLOWED_ATTRIBUTES');
  if (select === undefined) return allowed === undefined ? {} : { allowed_attributes: listOf(allowed) };
  if (allowed !== undefined) notes.noEffect(allowed, 'attributes.select is there too, and is the newer way');
  return { select: select.value };
}
