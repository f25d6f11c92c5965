/** What of the cluster has to be followed, from the configuration and the environment of the process. */

import { WeirError } from '../../core/errors.ts';
import { type Scope, type WantedKeys, type WantedTexts, WHOLE_CLUSTER } from '../../core/kubernetes/scope.ts';
import type { StoreWish } from '../../core/kubernetes/shared-stores.ts';
import type { K8sAttributesConfig } from './config.ts';
import { otelAnnotations } from './extraction.ts';
import { IGNORE_ANNOTATION, labelsFor, needsDetails } from './resource-metadata.ts';
import type { Extraction, TextSource, UpstreamConfig } from './upstream-config.ts';

export type Environment = Readonly<Record<string, string | undefined>>;

/** Throws a WeirError where an environment variable is missing that the configuration builds on. */
export function wishOf(config: K8sAttributesConfig, environment: Environment): StoreWish {
  const { auth_type, kube_config_path, context } = config;
  return {
    connection: { authType: auth_type, kubeConfigPath: kube_config_path, context },
    scope: scopeOf(config, environment),
  };
}

function scopeOf(config: K8sAttributesConfig, environment: Environment): Scope {
  const { extract, filter, flow } = config;
  const from = (source: TextSource): WantedTexts => ({
    labels: keysOf(extract.labels, source),
    annotations: keysOf(extract.annotations, source),
  });
  const asks = (source: TextSource) => [...extract.labels, ...extract.annotations].some((one) => one.from === source);
  // Without flows nodes are followed where something is asked of them, Services not at all.
  const nodes = flow.enabled || asks('node') || extract.metadata.includes('k8s.node.uid');
  const pods = from('pod');
  return {
    without: [
      ...(flow.disable_informers.includes('node') || !nodes ? (['nodes'] as const) : []),
      ...(flow.disable_informers.includes('service') || !flow.enabled ? (['services'] as const) : []),
    ],
    localNode: flow.meta_restrict_local_node ? localNode(environment) : '',
    pods: podsOf(filter, environment),
    keep: {
      pods: {
        labels: { ...pods.labels, keys: [...pods.labels.keys, ...labelsFor(config)] },
        annotations: {
          keys: [...pods.annotations.keys, IGNORE_ANNOTATION],
          patterns: [...pods.annotations.patterns, ...otelAnnotations(config)],
        },
      },
      podDetails: needsDetails(config),
      nodes: { annotations: from('node').annotations },
      namespaces: asks('namespace') ? from('namespace') : WHOLE_CLUSTER.keep.namespaces,
    },
  };
}

function keysOf(extractions: readonly Extraction[], source: TextSource): WantedKeys {
  const own = extractions.filter(({ from }) => from === source);
  return {
    keys: own.flatMap(({ key }) => (key === '' ? [] : [key])),
    patterns: own.flatMap(({ key_regex }) => (key_regex === '' ? [] : [key_regex])),
  };
}

function podsOf(filter: UpstreamConfig['filter'], environment: Environment): Scope['pods'] {
  const { node, node_from_env_var, namespace, fields, labels } = filter;
  const onNode = node_from_env_var === '' ? node : (environment[node_from_env_var] ?? '');
  if (node_from_env_var !== '' && onNode === '') {
    const message = `\`node_from_env_var\` is configured but envvar "${node_from_env_var}" is not set`;
    const fix = 'set it in the pod: {name: NODE_NAME, valueFrom: {fieldRef: {fieldPath: spec.nodeName}}}';
    throw new WeirError('config/value', message, { path: 'filter::node_from_env_var', fix });
  }
  const fieldSelectors = fields.map(({ key, value, op }) => `${key}${op === 'equals' ? '=' : '!='}${value}`);
  return {
    namespace: namespace[0] ?? '',
    fieldSelector: [...(onNode === '' ? [] : [`spec.nodeName=${onNode}`]), ...fieldSelectors].join(','),
    labelSelector: labels.map(labelSelector).join(','),
  };
}

function labelSelector({ key, value, op }: UpstreamConfig['filter']['labels'][number]): string {
  if (op === 'exists') return key;
  if (op === 'does-not-exist') return `!${key}`;
  return `${key}${op === 'equals' ? '=' : '!='}${value}`;
}

function localNode({ NODE_NAME = '' }: Environment): string {
  if (NODE_NAME !== '') return NODE_NAME;
  throw new WeirError('config/value', 'flow::meta_restrict_local_node needs the environment variable NODE_NAME', {
    path: 'flow::meta_restrict_local_node',
    fix: 'set it in the pod: {name: NODE_NAME, valueFrom: {fieldRef: {fieldPath: spec.nodeName}}}',
  });
}
