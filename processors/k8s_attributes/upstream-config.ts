/**
 * The blocks that the collector's processor of this name has: what is extracted, which pods are followed, and how data
 * with one identity finds its pod. Checked in upstream's words.
 */

import type { ConfigProblem } from '../../core/component/define.ts';
import { listOf } from '../../core/config/block.ts';
import { boolean, duration, oneOf, stringList, text } from '../../core/config/formats.ts';
import { textListOf } from '../../core/config/lists.ts';
import { type ConfigSchema, type Format, FormatError } from '../../core/config/schema.ts';
import { suggestionFor } from '../../core/config/suggest.ts';

export type TextSource = 'pod' | 'namespace' | 'node';

export interface Extraction {
  /** Empty: made of the source and the key. */
  readonly tag_name: string;
  readonly key: string;
  readonly key_regex: string;
  readonly from: TextSource;
}

interface FieldFilter {
  readonly key: string;
  readonly value: string;
  readonly op: string;
}

export interface UpstreamConfig {
  readonly passthrough: boolean;
  readonly watch_sync_period: number;
  readonly extract: {
    readonly metadata: readonly string[];
    readonly labels: readonly Extraction[];
    readonly annotations: readonly Extraction[];
    readonly otel_annotations: boolean;
    readonly deployment_name_from_replicaset: boolean;
  };
  readonly filter: {
    readonly node: string;
    readonly node_from_env_var: string;
    readonly namespace: readonly string[];
    readonly fields: readonly FieldFilter[];
    readonly labels: readonly FieldFilter[];
  };
  readonly pod_association: readonly {
    readonly sources: readonly { readonly from: string; readonly name: string }[];
  }[];
  readonly exclude: { readonly pods: readonly { readonly name: string }[] };
}

const kinds = ['deployment', 'replicaset', 'daemonset', 'statefulset', 'job', 'cronjob'];
const metadataNames = new Set([
  ...['namespace.name', 'pod.name', 'pod.uid', 'pod.start_time', 'pod.ip', 'pod.hostname'].map((name) => `k8s.${name}`),
  ...['node.name', 'node.uid', 'cluster.uid', 'container.name'].map((name) => `k8s.${name}`),
  ...kinds.flatMap((kind) => [`k8s.${kind}.name`, `k8s.${kind}.uid`]),
  ...['container.id', 'container.image.name', 'container.image.tag', 'container.image.repo_digests'],
  ...['namespace', 'name', 'version', 'instance.id'].map((name) => `service.${name}`),
]);

const metadataName = (name: string): string => {
  if (metadataNames.has(name)) return name;
  const fix = suggestionFor(name, [...metadataNames], 'fields');
  throw new FormatError({ message: `"${name}" is not a supported metadata field`, fix });
};

const sources = ['pod', 'namespace', 'node'] as const;

const textSource: Format<TextSource> = Object.assign(
  (value: unknown): TextSource => {
    const source = text(value) || 'pod';
    const known = sources.find((one) => one === source);
    if (known !== undefined) return known;
    const unfollowed = kinds.includes(source) ? `: ${source}s are not followed` : '';
    const message = `${source} is not a valid choice for From. Must be one of: ${sources.join(', ')}${unfollowed}`;
    throw new FormatError({ message, fix: 'take it from the pod: what the template of a workload has, its pods have' });
  },
  { text: true as const },
);

const regularExpression: Format<string> = Object.assign(
  (value: unknown): string => {
    const pattern = text(value);
    try {
      new RegExp(pattern);
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      throw new FormatError({ message: `invalid regular expression: ${message}`, fix: 'mend the expression' });
    }
    return pattern;
  },
  { text: true as const },
);

const extractions = (what: 'labels' | 'annotations') =>
  listOf<Extraction>({
    tag_name: { doc: 'Name of the attribute.', format: text, default: '' },
    key: { doc: `Key of one of the ${what}.`, format: text, default: '' },
    key_regex: { doc: 'A regular expression over whole keys.', format: regularExpression, default: '' },
    from: { doc: 'Whose: `pod`, `namespace` or `node`.', format: textSource, default: 'pod' },
  });

const filterOf = (what: 'field' | 'label', operations: readonly string[]) =>
  listOf<FieldFilter>({
    key: { doc: `Name of the ${what}.`, format: text, default: null },
    value: { doc: 'Its value.', format: text, default: '' },
    op: {
      doc: `One of ${operations.join(', ')}.`,
      format: Object.assign(
        (value: unknown): string => {
          const operation = text(value);
          if (operations.includes(operation)) return operation;
          const message = `'${operation}' is not a valid ${what} filter operation`;
          throw new FormatError({ message, fix: `one of ${operations.join(', ')}` });
        },
        { text: true as const },
      ),
      default: 'equals',
    },
  });

const ONE_IDENTITY = 'Of data that carries one identity';

export const upstreamSchema: ConfigSchema<UpstreamConfig> = {
  passthrough: {
    doc: 'Asks no API and names nothing: data with one identity is only told where it came from, as `k8s.pod.ip`.',
    format: boolean,
    default: false,
  },
  watch_sync_period: {
    doc: 'Accepted and not used: what is followed is read anew when it has to be.',
    format: duration,
    default: '5m',
  },
  extract: {
    metadata: {
      doc: `${ONE_IDENTITY}: which attributes its resource gets. Flows have all that the table of attributes below names.`,
      format: textListOf<string>(metadataName, (name) => name),
      default: [
        ...['namespace.name', 'pod.name', 'pod.uid', 'pod.start_time', 'deployment.name', 'node.name'].map(
          (name) => `k8s.${name}`,
        ),
      ],
    },
    labels: {
      doc: 'Labels that become attributes of both ends, or of the resource of data with one identity, each `{tag_name, key, from}` or `{tag_name, key_regex, from}`; `from`: pod, namespace or node.',
      format: extractions('labels'),
      default: [],
    },
    annotations: {
      doc: 'Annotations that become attributes, written like labels.',
      format: extractions('annotations'),
      default: [],
    },
    otel_annotations: {
      doc: `${ONE_IDENTITY}: whether annotations \`resource.opentelemetry.io/*\` become attributes.`,
      format: boolean,
      default: false,
    },
    deployment_name_from_replicaset: {
      doc: 'Accepted: the Deployment is always told from the name of the ReplicaSet, which are not listed.',
      format: boolean,
      default: false,
    },
  },
  filter: {
    node: { doc: 'Only pods of this node: the far ends of flows then stay without a name.', format: text, default: '' },
    node_from_env_var: {
      doc: 'The same, with the node that this environment variable names.',
      format: text,
      default: '',
    },
    namespace: { doc: 'Only pods of this namespace.', format: stringList, default: [] },
    fields: {
      doc: 'Only pods whose fields say so, each `{key, value, op}`; `op`: equals, not-equals.',
      format: filterOf('field', ['equals', 'not-equals']),
      default: [],
    },
    labels: {
      doc: 'Only pods whose labels say so, each `{key, value, op}`; `op`: equals, not-equals, exists, does-not-exist.',
      format: filterOf('label', ['equals', 'not-equals', 'exists', 'does-not-exist']),
      default: [],
    },
  },
  pod_association: {
    doc: `${ONE_IDENTITY}: how its pod is found, a list of \`{sources: [{from: resource_attribute, name: k8s.pod.ip}]}\`; empty: by \`k8s.pod.ip\`, \`ip\`, the connection, or an address as \`host.name\`.`,
    format: listOf({
      sources: {
        doc: 'All of them together name the pod.',
        format: listOf({
          from: {
            doc: '`resource_attribute` or `connection`.',
            format: oneOf('resource_attribute', 'connection'),
            default: null,
          },
          name: { doc: 'Of the attribute.', format: text, default: '' },
        }),
        default: null,
      },
    }),
    default: [],
  },
  exclude: {
    pods: {
      doc: `${ONE_IDENTITY}: pods that give nothing to it, each \`{name: regular expression}\`.`,
      format: listOf({
        name: { doc: 'A regular expression over the name.', format: regularExpression, default: null },
      }),
      default: [{ name: 'jaeger-agent' }, { name: 'jaeger-collector' }],
    },
  },
};

export function problemsOfUpstream({ extract, filter, pod_association }: UpstreamConfig): readonly ConfigProblem[] {
  const problems: ConfigProblem[] = [];
  const complain = (path: readonly string[], message: string, fix: string) => problems.push({ path, message, fix });
  for (const list of ['labels', 'annotations'] as const) {
    for (const [at, { key, key_regex }] of extract[list].entries()) {
      if ((key === '') !== (key_regex === '')) continue;
      const message = 'Out of Key or KeyRegex only one option is expected to be configured at a time';
      complain(['extract', list, String(at)], message, 'write key, or key_regex');
    }
  }
  for (const [at, { sources: all }] of pod_association.entries()) {
    const path = ['pod_association', String(at), 'sources'];
    if (all.length > 4) complain(path, 'too many association sources. limit is 4', 'take some out');
    for (const [place, { from, name }] of all.entries()) {
      if (from !== 'resource_attribute' || name !== '') continue;
      complain([...path, String(place)], 'requires a non-empty "name"', 'name the resource attribute');
    }
  }
  if (filter.node !== '' && filter.node_from_env_var !== '') {
    complain(['filter', 'node_from_env_var'], 'cannot be used together with node', 'keep one of the two');
  }
  if (filter.namespace.length > 1) {
    complain(['filter', 'namespace'], 'more than one namespace cannot be followed', 'name one, or none for all');
  }
  for (const [at, { key, value, op }] of filter.labels.entries()) {
    if (value === '' || op === 'equals' || op === 'not-equals') continue;
    complain(['filter', 'labels', String(at)], `'${op}' for key=${key} takes no value`, 'leave out value');
  }
  return problems;
}
