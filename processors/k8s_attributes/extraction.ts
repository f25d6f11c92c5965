/**
 * Labels and annotations that become attributes: of both ends of a flow, their names and their values for whoever an end
 * is; of data with one identity, under the names that a collector gives them.
 */

import type { Identity } from '../../core/kubernetes/identity.ts';
import type { Texts } from '../../core/kubernetes/objects.ts';
import type { KubernetesReader } from '../../core/kubernetes/store.ts';
import { type Attribute, addAttributes, pair } from '../../core/table/attributes.ts';
import type { EndpointAttribute } from '../../core/table/endpoint-columns.ts';
import type { Logger } from '../../core/telemetry/log.ts';
import type { IdentityAttribute } from './naming.ts';
import type { Extraction, TextSource, UpstreamConfig } from './upstream-config.ts';

type Kind = 'labels' | 'annotations';
const kinds: readonly Kind[] = ['labels', 'annotations'];

/** Attributes that a regular expression may bring; more are left out, and said so. */
export const MAX_MATCHED = 100;

/** The attribute of the collector's processor. */
function tagOf({ tag_name, from }: Extraction, kind: Kind, key: string): string {
  return tag_name === '' ? `k8s.${from}.${kind}.${key}` : tag_name;
}

/** `k8s.pod.labels.app` is `k8s.src.pod.labels.app` of a source, and `team` is `src.team`. */
export function attributeOfTag(tag: string): EndpointAttribute {
  return tag.startsWith('k8s.') ? `k8s.{end}.${tag.slice('k8s.'.length)}` : `{end}.${tag}`;
}

const definitionsOf = (tag: string, description: string): readonly Attribute[] =>
  pair({ name: attributeOfTag(tag), otel: `{end}.${tag}`, cardinality: 'careful', description });

/** With its tag: those of the configuration that name one key. */
export function namedExtractions({ extract }: UpstreamConfig) {
  return kinds.flatMap((kind) =>
    extract[kind].flatMap((one, at) => (one.key === '' ? [] : [{ ...one, kind, at, tag: tagOf(one, kind, one.key) }])),
  );
}

/** The attributes that can be told from the configuration alone. */
export function extractedAttributes(config: UpstreamConfig): readonly Attribute[] {
  return namedExtractions(config).flatMap(({ tag, kind, key, from }) =>
    definitionsOf(tag, `${kind} ${key} of the ${from} of the {end}.`),
  );
}

export interface Extractions {
  /** Those that are known now; a regular expression may bring more with each identity. */
  readonly attributes: readonly IdentityAttribute[];
  /** To be told of every identity before its attributes are read. */
  see(identity: Identity): void;
}

export function createExtractions(config: UpstreamConfig, store: KubernetesReader, logger: Logger): Extractions {
  const textsOf = (identity: Identity, from: Extraction['from'], kind: Kind): Texts | undefined => {
    if (from === 'pod') return identity.pod?.[kind];
    if (from === 'namespace') return store.namespace(identity.namespace)?.[kind];
    return kind === 'labels' ? identity.node?.labels : store.node(identity.node?.name ?? '')?.annotations;
  };
  const reading = (tag: string, from: Extraction['from'], kind: Kind, key: string): IdentityAttribute => ({
    attribute: attributeOfTag(tag),
    read: (identity) => textsOf(identity, from, kind)?.[key],
  });
  const attributes = namedExtractions(config).map(({ tag, from, kind, key }) => reading(tag, from, kind, key));
  const tags = new Set(namedExtractions(config).map(({ tag }) => tag));
  const matching = kinds.flatMap((kind) =>
    config.extract[kind]
      .filter(({ key_regex }) => key_regex !== '')
      .map((one) => ({ ...one, kind, expression: new RegExp(`^(?:${one.key_regex})$`), seen: new Set<string>() })),
  );
  let matched = 0;

  function match({ expression, kind, from, tag_name }: (typeof matching)[number], key: string): void {
    if (!expression.test(key)) return;
    const tag = tag_name === '' ? `k8s.${from}.${kind}.${key}` : key.replace(expression, tag_name);
    if (tags.has(tag)) return;
    tags.add(tag);
    if (++matched > MAX_MATCHED) {
      if (matched === MAX_MATCHED + 1)
        logger.warn('key_regex matches too many keys: the rest is left out', { key, most: MAX_MATCHED });
      return;
    }
    addAttributes(definitionsOf(tag, `${kind} ${key} of the ${from} of the {end}.`));
    attributes.push(reading(tag, from, kind, key));
  }

  return {
    attributes,
    see(identity) {
      for (const one of matching) {
        for (const key of Object.keys(textsOf(identity, one.from, one.kind) ?? {})) {
          if (one.seen.has(key)) continue;
          one.seen.add(key);
          match(one, key);
        }
      }
    },
  };
}

/** What `extract.otel_annotations` asks for. */
const OTEL_ANNOTATIONS = 'resource\\.opentelemetry\\.io/(.+)';

/** Of annotations of pods, the regular expression that `extract.otel_annotations` stands for. */
export const otelAnnotations = ({ extract }: UpstreamConfig): readonly string[] =>
  extract.otel_annotations ? [OTEL_ANNOTATIONS] : [];

type TextsOf = Readonly<Record<Kind, Texts>>;

/** For data with one identity: the attributes that the labels and annotations of an object become. */
export function createTextReading(
  config: UpstreamConfig,
): (from: TextSource, texts: TextsOf) => ReadonlyMap<string, string> {
  const rules = kinds.flatMap((kind) =>
    config.extract[kind].map((one) => ({ ...one, kind, expression: new RegExp(`^(?:${one.key_regex})$`) })),
  );
  for (const pattern of otelAnnotations(config)) {
    const expression = new RegExp(`^${pattern}$`);
    rules.push({ tag_name: '$1', key: '', key_regex: pattern, from: 'pod', kind: 'annotations', expression });
  }
  return (from, texts) => {
    const found = new Map<string, string>();
    for (const rule of rules) {
      if (rule.from !== from) continue;
      const { key, kind, expression, tag_name } = rule;
      for (const [own, value] of Object.entries(texts[kind])) {
        if (key === '' ? !expression.test(own) : key !== own) continue;
        const isMade = key === '' && tag_name !== '';
        found.set(isMade ? own.replace(expression, tag_name) : tagOf(rule, kind, own), value);
      }
    }
    return found;
  };
}
