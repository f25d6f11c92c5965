/**
 * Beyla's `attributes.select`: which attributes a metric keeps, by sections of include and exclude globs. Metrics and
 * attributes may be written in every preset's spelling, dots and underscores alike.
 */

import { attributes, type Condition, defaultAttributes } from '../../core/table/attributes.ts';
import { type FlowMetric, flowMetrics } from '../../core/table/metrics.ts';

export interface Section {
  readonly include: readonly string[];
  readonly exclude: readonly string[];
}

/** By metric name or glob. */
export type Select = ReadonlyMap<string, Section>;

const PRESETS = ['beyla', 'obi', 'otel'] as const;

/** A metric's name without what Prometheus adds to it: `beyla_network_flow_bytes_total` is `beyla.network.flow`. */
export function normalizedMetric(name: string): string {
  return name
    .replaceAll('_', '.')
    .replace(/\.(ratio|bucket|sum|count|total)$/, '')
    .replace(/\.(bytes|seconds)$/, '');
}

/**
 * A glob of `*`, `?`, `[a-z]`, `[^a-z]` and `\`, over the whole of a name; undefined when it is malformed. Dots and
 * underscores are the same.
 */
export function globPattern(glob: string): RegExp | undefined {
  let source = '';
  let at = 0;
  while (at < glob.length) {
    const [part] = /^(?:\*|\?|\\.|\[\^?(?:\\.|[^\]\\])+\]|[^[\\])/u.exec(glob.slice(at)) ?? [];
    if (part === undefined) return undefined;
    source += patternOf(part);
    at += part.length;
  }
  try {
    return new RegExp(`^${source}$`, 'u');
  } catch {
    return undefined; // such as a range that runs backwards, [z-a]
  }
}

function patternOf(part: string): string {
  if (part === '*') return '.*';
  if (part === '?') return '.';
  if (part.startsWith('[')) return part;
  const character = part.startsWith('\\') ? part.slice(1) : part;
  return character === '.' ? '_' : character.replace(/[\^$.*+?()[\]{}|/\\]/u, '\\$&');
}

export const isGlob = (name: string) => /[*?[\\]/.test(name);

const underscored = (name: string) => name.replaceAll('.', '_');

/** The metrics that a section is for; none when this build does not have them. */
export function metricsNamed(key: string): readonly FlowMetric[] {
  const pattern = globPattern(normalizedMetric(key));
  if (pattern === undefined) return [];
  return flowMetrics.filter(({ descriptors }) =>
    PRESETS.some((preset) => {
      const name = descriptors[preset]?.name;
      return name !== undefined && pattern.test(underscored(normalizedMetric(name)));
    }),
  );
}

/**
 * The attributes that a glob names, by their names in the catalogue. It is read in the first preset's spelling in which
 * it names anything: `*.name` means `src.name`, not the interface, which only the draft convention calls a name.
 */
export function attributesNamed(glob: string): readonly string[] {
  const pattern = globPattern(glob);
  if (pattern === undefined) return [];
  for (const preset of PRESETS) {
    const found = attributes.filter(({ names, olderNameOf }) => {
      const name = names[preset];
      if (name === null || (olderNameOf !== undefined && isGlob(glob))) return false;
      return pattern.test(underscored(name));
    });
    if (found.length > 0) return found.map(({ name }) => name);
  }
  return [];
}

/** The sections for a metric, in the order in which they act. */
function sectionsFor(select: Select, metric: FlowMetric): readonly Section[] {
  return [...select]
    .map(([key, section]) => ({ key: normalizedMetric(key), section }))
    .filter(({ key }) => metricsNamed(key).includes(metric))
    .sort((a, b) => Number(a.key > b.key) - Number(a.key < b.key))
    .map(({ section }) => section);
}

/**
 * What a metric keeps, in the order of the catalogue: each section adds what it includes, then takes away what it
 * excludes. When none includes anything, they start from the defaults.
 */
export function selectedAttributes(
  select: Select,
  metric: FlowMetric,
  conditions: ReadonlySet<Condition>,
): readonly string[] {
  const sections = sectionsFor(select, metric);
  const included = sections.some(({ include }) => include.length > 0);
  const selected = new Set(included ? [] : defaultAttributes(metric.family, conditions));
  for (const { include, exclude } of sections) {
    for (const name of include.flatMap(attributesNamed)) selected.add(name);
    for (const name of exclude.flatMap(attributesNamed)) selected.delete(name);
  }
  return attributes.filter(({ name }) => selected.has(name)).map(({ name }) => name);
}
