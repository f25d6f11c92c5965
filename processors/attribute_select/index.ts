/** Chooses the attributes of each metric, adds up the flows that are then the same, and so turns flows into metrics. */

import { type ConfigProblem, defineProcessor, type Host, type Processor } from '../../core/component/define.ts';
import { keyedMapOf } from '../../core/config/block.ts';
import { boolean, stringList } from '../../core/config/formats.ts';
import { featureList, presetListOrNone } from '../../core/config/lists.ts';
import { suggestionFor } from '../../core/config/suggest.ts';
import { attributes, columnOf, conditionsOf } from '../../core/table/attributes.ts';
import type { FlowTable, NamingPreset } from '../../core/table/flow-table.ts';
import { type Feature, metricsOf } from '../../core/table/metrics.ts';
import { createMetricsOfFlows, type MetricSelection } from '../../core/table/metrics-of-flows.ts';
import type { Logger } from '../../core/telemetry/log.ts';
import { isResourceSection, resourceSelection } from './resource-section.ts';
import {
  attributesNamed,
  globPattern,
  isGlob,
  metricsNamed,
  normalizedMetric,
  type Section,
  type Select,
  selectedAttributes,
} from './selection.ts';

interface Config {
  readonly select: Select;
  readonly allowed_attributes: readonly string[];
  readonly strict: boolean;
  /** Empty: the receiver's. */
  readonly features: readonly Feature[];
  /** Empty: the receiver's. */
  readonly metric_names: readonly NamingPreset[];
}

/** The metrics that there were when `allowed_attributes` was the way to select. */
const metricsOfTheOldList = ['beyla.network.flow.bytes', 'beyla.network.flow.packets'];

export default defineProcessor<Config>({
  type: 'attribute_select',
  aliases: { 'attribute-select': "a collector refuses hyphens in a type: write 'attribute_select'" },
  stability: 'alpha',
  description: 'Chooses the attributes of each metric and sums the flows up exactly.',
  needs: [],
  adds: [],
  consumes: 'flows',
  produces: 'metrics',
  config: {
    select: {
      doc: "By metric (a name or a glob): lists `include` and `exclude` of attributes. Beyla's block `attributes.select` can be pasted as it is. A metric without a section keeps the defaults.",
      format: keyedMapOf<Section>({
        include: { doc: 'Attributes, as names or globs, that the metric gets.', format: stringList, default: [] },
        exclude: { doc: 'Attributes that are taken away again.', format: stringList, default: [] },
      }),
      default: {},
    },
    allowed_attributes: {
      doc: "Beyla 1's list of the attributes that flow metrics keep; not together with `select`.",
      format: stringList,
      default: [],
    },
    strict: {
      doc: 'An attribute that does not exist is an error; `false`: a warning.',
      format: boolean,
      default: true,
    },
    features: {
      doc: 'Which metrics are made: `network`, `network_flow_packets`, `network_inter_zone`, or `all`; empty: what the receiver says.',
      format: featureList,
      default: [],
    },
    metric_names: {
      doc: 'Whose names leave: `beyla`, `obi`, `otel`, or a list of them; empty: what the receiver says.',
      format: presetListOrNone,
      default: '',
    },
  },
  validate: problemsOf,
  create,
});

function problemsOf({ select, allowed_attributes, strict }: Config): readonly ConfigProblem[] {
  if (allowed_attributes.length > 0 && select.size > 0) {
    const message = 'cannot be used together with select';
    return [{ path: ['allowed_attributes'], message, fix: 'write the list as include of a section of select' }];
  }
  return [
    ...[...select].flatMap(([key, section]) => sectionProblems(key, section, strict)),
    ...globProblems(['allowed_attributes'], allowed_attributes, strict),
  ];
}

const selectOf = ({ select, allowed_attributes: include }: Config): Select =>
  include.length === 0 ? select : new Map(metricsOfTheOldList.map((metric) => [metric, { include, exclude: [] }]));

function sectionProblems(key: string, section: Section, strict: boolean): readonly ConfigProblem[] {
  if (globPattern(normalizedMetric(key)) === undefined) {
    return [{ path: ['select', key], message: `syntax error in pattern "${key}"`, fix: 'close the bracket' }];
  }
  const isOfResource = isResourceSection(key);
  // A block pasted whole may select from metrics of other signals: their attributes are not ours to judge.
  if (metricsNamed(key).length === 0 && !isOfResource) return [];
  // Whoever runs the agent may give it attributes of any name.
  return (['include', 'exclude'] as const).flatMap((list) =>
    globProblems(['select', key, list], section[list], strict && !isOfResource),
  );
}

function globProblems(path: readonly string[], globs: readonly string[], strict: boolean): readonly ConfigProblem[] {
  return globs.flatMap((glob, at): readonly ConfigProblem[] => {
    const place = [...path, String(at)];
    if (globPattern(glob) === undefined) {
      return [{ path: place, message: `syntax error in pattern "${glob}"`, fix: 'close the bracket' }];
    }
    if (!strict || attributesNamed(glob).length > 0) return [];
    return [{ path: place, message: `unknown attribute "${glob}"`, fix: fixFor(glob) }];
  });
}

const fixFor = (glob: string) =>
  suggestionFor(
    glob.replaceAll('_', '.'),
    attributes.map(({ name }) => name),
    'attributes',
  );

function create(config: Config, { logger }: Host): Processor {
  const { strict, features, metric_names } = config;
  const select = selectOf(config);
  for (const [key, { include, exclude }] of select) {
    if (isResourceSection(key)) continue;
    if (metricsNamed(key).length === 0) {
      logger.warn('select has a section for a metric that this build does not have', { metric: key });
      continue;
    }
    for (const glob of [...include, ...exclude]) {
      if (strict || attributesNamed(glob).length > 0) continue;
      logger.warn('select names an attribute that does not exist', { metric: key, attribute: glob, fix: fixFor(glob) });
    }
  }

  const warnOnce = createWarning(select, logger.warn);
  const metricsOfFlows = createMetricsOfFlows();
  const selectResource = resourceSelection(select);
  const selectionsBy = new Map<string, readonly MetricSelection[]>();

  function selectionsFor(table: FlowTable): readonly MetricSelection[] {
    const conditions = conditionsOf(table);
    const wanted = features.length > 0 ? features : (table.features ?? []);
    // Labels may bring attributes while it runs.
    const key = `${[...conditions]} ${wanted} ${attributes.length}`;
    let selections = selectionsBy.get(key);
    if (selections === undefined) {
      selections = metricsOf(wanted).map((metric) => ({
        metric,
        attributes: selectedAttributes(select, metric, conditions),
      }));
      selectionsBy.set(key, selections);
    }
    return selections;
  }

  return {
    flows(given) {
      const metricNames = metric_names.length === 0 ? given.metricNames : metric_names;
      const table = { ...given, metricNames, resource: selectResource(given.resource) };
      warnOnce(table);
      return metricsOfFlows(table, selectionsFor(table));
    },
  };
}

/** Says once about each attribute that is included by its name, and each metric with a section, why it is absent. */
function createWarning(select: Select, warn: Logger['warn']): (table: FlowTable) => void {
  const globs = [...select].flatMap(([key, { include }]) => (metricsNamed(key).length > 0 ? include : []));
  const named = new Set(globs.filter((glob) => !isGlob(glob)).flatMap(attributesNamed));
  const metrics = new Set([...select.keys()].filter((key) => !isGlob(key)).flatMap(metricsNamed));
  return (table) => {
    for (const { where, descriptors } of metrics) {
      const metric = descriptors.beyla?.name;
      if (where !== undefined && columnOf(table, where) === undefined) {
        warn('select has a section for a metric that nothing in the pipeline makes', { metric });
      } else if (table.metricNames.every((preset) => descriptors[preset] === null)) {
        warn('select has a section for a metric that the chosen metric_names do not have', { metric });
      }
    }
    metrics.clear();
    for (const { name, names } of attributes) {
      if (!named.has(name)) continue;
      const filled = columnOf(table, name) !== undefined;
      if (filled && table.metricNames.some((preset) => names[preset] !== null)) continue;
      const reason = filled ? 'the chosen metric_names have no name for' : 'nothing in the pipeline fills';
      warn(`select includes an attribute that ${reason}: it is left out`, { attribute: name });
      named.delete(name);
    }
  };
}
