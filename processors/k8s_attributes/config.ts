/** The configuration of `k8s_attributes`: how the cluster is reached, and the block `flow` for both ends of a flow. */

import type { ConfigProblem } from '../../core/component/define.ts';
import { boolean, duration, oneOf, stringList, text } from '../../core/config/formats.ts';
import { textListOf } from '../../core/config/lists.ts';
import type { ConfigSchema } from '../../core/config/schema.ts';
import { AUTH_TYPES, type AuthType } from '../../core/kubernetes/access.ts';
import { isOwnAttribute } from '../../core/table/attributes.ts';
import { attributeOfTag, namedExtractions } from './extraction.ts';
import { problemsOfUpstream, type UpstreamConfig, upstreamSchema } from './upstream-config.ts';

const observers = ['source', 'destination', 'both'] as const;
export type Observer = (typeof observers)[number];

const informers = ['node', 'service'] as const;
type Informer = (typeof informers)[number];

export interface FlowConfig {
  readonly enabled: boolean;
  readonly cluster_name: string;
  readonly drop_external: boolean;
  readonly disable_informers: readonly Informer[];
  readonly meta_restrict_local_node: boolean;
  readonly late_enrichment: number;
  readonly observer: Observer;
  readonly observer_nodes: readonly string[];
}

export interface K8sAttributesConfig extends UpstreamConfig {
  readonly auth_type: AuthType;
  readonly kube_config_path: string;
  readonly context: string;
  readonly wait_for_metadata: boolean;
  readonly wait_for_metadata_timeout: number;
  readonly flow: FlowConfig;
}

const flow: ConfigSchema<FlowConfig> = {
  enabled: {
    doc: 'Whether the ends of flows are named; data with one identity is in any case.',
    format: boolean,
    default: true,
  },
  cluster_name: {
    doc: 'Name of the cluster; empty: told from the labels of this node, else from the cloud, else the uid of the namespace kube-system.',
    format: text,
    default: '',
  },
  drop_external: {
    doc: 'Drops the flows of which an end is not known to Kubernetes; in the ledger they are `filtered` with the reason `rule`.',
    format: boolean,
    default: false,
  },
  disable_informers: {
    doc: 'What is not followed: `node`, `service`. Without nodes there are no zones of nodes; without Services no names of what was dialled.',
    format: textListOf<Informer>(oneOf(...informers), (informer) => informer),
    default: [],
  },
  meta_restrict_local_node: {
    doc: 'Follows the pods of this node alone, and this node, by the environment variable NODE_NAME. It spares the API and memory, and leaves the far ends of flows without a name.',
    format: boolean,
    default: false,
  },
  late_enrichment: {
    doc: 'How long the flows of an address that should be of the cluster and is not known yet are held back; 0s: not at all.',
    format: duration,
    default: '10s',
  },
  observer: {
    doc: "Which node's agent reports a flow between two nodes: `source`, `destination`, or `both`, which is what Beyla does.",
    format: oneOf(...observers),
    default: 'source',
  },
  observer_nodes: {
    doc: "Nodes that run an agent; empty: those with a pod of this agent's DaemonSet.",
    format: stringList,
    default: [],
  },
};

export const schema: ConfigSchema<K8sAttributesConfig> = {
  auth_type: {
    doc: "How to log in: `serviceAccount` of the pod, `kubeConfig`, `none`, or `autodetect`: the pod's service account, else the kubeconfig that KUBECONFIG names, else no cluster and no names.",
    format: oneOf(...AUTH_TYPES),
    default: 'autodetect',
  },
  kube_config_path: {
    doc: "With `kubeConfig`: the file; empty: KUBECONFIG, then the user's default.",
    format: text,
    default: '',
  },
  context: { doc: 'Context of the kubeconfig; empty: its current one.', format: text, default: '' },
  wait_for_metadata: {
    doc: 'Receivers start when everything that is followed was read once.',
    format: boolean,
    default: true,
  },
  wait_for_metadata_timeout: {
    doc: 'They start after this time in any case, with a warning.',
    format: duration,
    default: '30s',
  },
  ...upstreamSchema,
  flow,
};

/** Keys of Beyla's `attributes.kubernetes`, with their place here. */
export const elsewhere: Readonly<Record<string, string>> = {
  enable: '`flow::enabled`',
  cluster_name: '`flow::cluster_name`',
  drop_external: '`flow::drop_external`',
  disable_informers: '`flow::disable_informers`',
  meta_restrict_local_node: '`flow::meta_restrict_local_node`',
  kubeconfig_path: '`kube_config_path`, with `auth_type: kubeConfig`',
  informers_sync_timeout: '`wait_for_metadata_timeout`',
};

export function problemsOf(config: K8sAttributesConfig): readonly ConfigProblem[] {
  const { wait_for_metadata_timeout, auth_type, kube_config_path, context } = config;
  const problems: ConfigProblem[] = [...problemsOfUpstream(config), ...overlappingNames(config)];
  const complain = (path: readonly string[], message: string, fix: string) => problems.push({ path, message, fix });
  if (wait_for_metadata_timeout === 0) {
    const fix = 'write a time such as 30s, or wait_for_metadata: false to start at once';
    complain(['wait_for_metadata_timeout'], 'must be positive', fix);
  }
  for (const [key, value] of Object.entries({ kube_config_path, context })) {
    if (value === '' || auth_type === 'kubeConfig' || auth_type === 'autodetect') continue;
    complain([key], `is not used with auth_type: ${auth_type}`, 'write auth_type: kubeConfig');
  }
  return problems;
}

/** An attribute has one meaning: not that of this build and a label's, nor those of two labels. */
function overlappingNames(config: K8sAttributesConfig): readonly ConfigProblem[] {
  const first = new Map<string, string>();
  return namedExtractions(config).flatMap(({ kind, at, tag }): readonly ConfigProblem[] => {
    const name = attributeOfTag(tag).replace('{end}', 'src');
    const path = ['extract', kind, String(at)];
    const earlier = isOwnAttribute(name) ? 'an attribute of every flow' : first.get(name);
    if (earlier === undefined) first.set(name, path.join('::'));
    const fix = 'give it another tag_name';
    return earlier === undefined ? [] : [{ path, message: `its name, ${name}, is that of ${earlier}`, fix }];
  });
}
