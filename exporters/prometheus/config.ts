/** The keys of the exporter, upstream's as far as they have a meaning here, and what cannot be right about them. */

import type { ConfigProblem } from '../../core/component/define.ts';
import { boolean, duration, headers, oneOf, stringList, text, wrongType } from '../../core/config/formats.ts';
import { globExpression } from '../../core/config/glob.ts';
import { type ConfigSchema, type Format, FormatError, type Property } from '../../core/config/schema.ts';
import { endpointProblems } from '../../core/network/listen.ts';
import { headerProblems } from '../../core/otlp/client-schema.ts';
import { type ServerTlsConfig, serverTlsProblems, serverTlsSchema } from '../../core/otlp/server-tls.ts';
import { attributes, namesOf } from '../../core/table/attributes.ts';
import { labelName } from './names.ts';

export interface PrometheusConfig {
  readonly endpoint: string;
  readonly namespace: string;
  readonly const_labels: Readonly<Record<string, string>>;
  readonly send_timestamps: boolean;
  /** Milliseconds, as all that follow. */
  readonly metric_expiration: number;
  readonly resource_constant_labels: { readonly included: readonly string[]; readonly excluded: readonly string[] };
  readonly resource_to_telemetry_conversion: {
    readonly enabled: boolean;
    readonly exclude_service_attributes: boolean;
  };
  readonly enable_open_metrics: boolean;
  readonly without_scope_info: boolean;
  readonly add_metric_suffixes: boolean;
  readonly translation_strategy: '' | TranslationStrategy;
  readonly tls: ServerTlsConfig;
  readonly response_headers: Readonly<Record<string, string>>;
  readonly read_header_timeout: number;
  readonly write_timeout: number;
  readonly idle_timeout: number;
}

const strategies = [
  'UnderscoreEscapingWithSuffixes',
  'UnderscoreEscapingWithoutSuffixes',
  'NoUTF8EscapingWithSuffixes',
  'NoTranslation',
] as const;
export type TranslationStrategy = (typeof strategies)[number];

/** Names that a client must ask for in another syntax of the text, which not every version of Prometheus reads. */
const UNTRANSLATED: readonly string[] = ['NoUTF8EscapingWithSuffixes', 'NoTranslation'];

const labelMap: Format<Readonly<Record<string, string>>> = Object.assign(
  (value: unknown): Readonly<Record<string, string>> => {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) {
      throw new FormatError(wrongType('map', value, 'write {label: value}'));
    }
    for (const [name, content] of Object.entries(value)) {
      if (typeof content === 'string') continue;
      throw new FormatError(wrongType('string', content, 'put the value in quotes', [name]));
    }
    return value as Readonly<Record<string, string>>;
  },
  { text: true as const },
);

const optionalText = (doc: string): Property<string> => ({ format: text, default: '', doc });
const off = (doc: string): Property<boolean> => ({ format: boolean, default: false, doc });

export const prometheusSchema: ConfigSchema<PrometheusConfig> = {
  endpoint: optionalText('Address and port to serve `/metrics` at, such as `localhost:8889`. Required.'),
  namespace: optionalText('Goes before the name of every metric, with an underscore.'),
  const_labels: { format: labelMap, default: {}, doc: 'Labels of every series, a map of label and value.' },
  send_timestamps: off('Write the end of the last window behind each value.'),
  metric_expiration: {
    format: duration,
    default: '5m',
    doc: 'A series without a point for longer than this is not shown any more; when it comes back it begins at its own value.',
  },
  resource_constant_labels: {
    included: {
      format: stringList,
      default: [],
      doc: 'Attributes of the resource that are labels of each series, as globs; empty: none, or all but `excluded`.',
    },
    excluded: { format: stringList, default: [], doc: 'Attributes of the resource that are not, as globs.' },
  },
  resource_to_telemetry_conversion: {
    enabled: off('The old way to say `resource_constant_labels: {included: ["*"]}`.'),
    exclude_service_attributes: off('All but `service.name`, `service.namespace` and `service.instance.id`.'),
  },
  enable_open_metrics: off('Offer OpenMetrics, with the time at which each series began (`_created`).'),
  without_scope_info: off('Leave out the labels `otel_scope_name` and `otel_scope_version`.'),
  add_metric_suffixes: {
    format: boolean,
    default: true,
    doc: 'Add unit and `_total` to names. `translation_strategy` wins.',
  },
  translation_strategy: {
    format: oneOf('', ...strategies),
    default: '',
    doc: 'How names are made: `UnderscoreEscapingWithSuffixes` or `UnderscoreEscapingWithoutSuffixes`.',
  },
  tls: serverTlsSchema('scrapers'),
  response_headers: { format: headers, default: {}, doc: 'Headers of every answer to a scrape; values are secret.' },
  read_header_timeout: { format: duration, default: '1m', doc: 'How long a request may take; `0` for no limit.' },
  write_timeout: {
    format: duration,
    default: '30s',
    doc: 'How long reading an answer may take before it is broken off; `0` for no limit.',
  },
  idle_timeout: { format: duration, default: '1m', doc: 'How long a connection is kept between scrapes.' },
};

/** The rules on which attributes of a resource are labels, put together. */
export function resourceLabelRule(config: PrometheusConfig): (attribute: string) => boolean {
  const { included, excluded } = config.resource_constant_labels;
  const { enabled, exclude_service_attributes } = config.resource_to_telemetry_conversion;
  if (included.length > 0 || excluded.length > 0) {
    const [inside, outside] = [included, excluded].map((globs) => globs.map((glob) => globExpression(glob)!));
    return (attribute) =>
      (inside!.length === 0 || inside!.some((glob) => glob.test(attribute))) &&
      !outside!.some((glob) => glob.test(attribute));
  }
  const service = /^service\.(name|namespace|instance\.id)$/;
  return (attribute) => enabled && !(exclude_service_attributes && service.test(attribute));
}

export function prometheusProblems(config: PrometheusConfig): readonly ConfigProblem[] {
  return [
    ...endpointProblems(config.endpoint, 'localhost:8889'),
    ...(config.metric_expiration > 0
      ? []
      : [{ path: ['metric_expiration'], message: 'metric_expiration must be a positive duration', fix: 'such as 5m' }]),
    ...(UNTRANSLATED.includes(config.translation_strategy)
      ? [
          {
            path: ['translation_strategy'],
            message: `translation_strategy ${config.translation_strategy} is not available`,
            fix: 'UnderscoreEscapingWithSuffixes or UnderscoreEscapingWithoutSuffixes',
          },
        ]
      : []),
    ...constantLabelProblems(config),
    ...globProblems(config),
    ...serverTlsProblems(config.tls),
    ...headerProblems(config.response_headers, 'response_headers'),
  ];
}

/** Labels that the exporter sets itself. */
const RESERVED: readonly string[] = ['job', 'instance', 'otel_scope_name', 'otel_scope_version'];

function constantLabelProblems({ const_labels }: PrometheusConfig): readonly ConfigProblem[] {
  const names = Object.keys(const_labels);
  return names.flatMap((name, at) => {
    const path = ['const_labels', name];
    const label = labelName(name);
    const twin = names.slice(0, at).find((other) => labelName(other) === label);
    if (twin !== undefined) {
      const message = `"${twin}" and "${name}" are the same label ${label}`;
      return [{ path, message, fix: 'leave one of them out' }];
    }
    if (!/[a-zA-Z0-9]/.test(name)) return [{ path, message: `"${name}" cannot be a label`, fix: 'use letters' }];
    const fix = 'give it another name';
    if (RESERVED.includes(label)) return [{ path, message: `label ${label} is set by the exporter itself`, fix }];
    const attribute = attributeOfLabel.get(label);
    if (attribute === undefined) return [];
    return [{ path, message: `label ${label} is that of the attribute ${attribute}`, fix }];
  });
}

/** By the label that it has under some preset. */
const attributeOfLabel = new Map(
  attributes.flatMap(({ name }) => namesOf(name).map((leaving) => [labelName(leaving), leaving] as const)),
);

function globProblems({ resource_constant_labels }: PrometheusConfig): readonly ConfigProblem[] {
  return (['included', 'excluded'] as const).flatMap((key) =>
    resource_constant_labels[key]
      .filter((glob) => globExpression(glob) === undefined)
      .map((glob) => ({
        path: ['resource_constant_labels', key],
        message: `invalid glob "${glob}"`,
        fix: 'close every [ and {, such as k8s.*',
      })),
  );
}
