/** The keys of `filter`: Beyla's block `network`, the collector's conditions in both shapes, and what is wrong with them. */

import type { ConfigProblem } from '../../core/component/define.ts';
import { keyedMapOf } from '../../core/config/block.ts';
import { keyedMap, oneOf, stringList, wrongType } from '../../core/config/formats.ts';
import { globExpression } from '../../core/config/glob.ts';
import { type ConfigSchema, type Format, FormatError } from '../../core/config/schema.ts';
import { suggestionFor } from '../../core/config/suggest.ts';
import { type ContextName, contextNames } from '../../core/ottl/points.ts';
import { OttlError } from '../../core/ottl/syntax.ts';
import { attributeNamed, attributes } from '../../core/table/attributes.ts';
import { conditionRule } from './rules.ts';

/** Empty: not given, as in Beyla. */
export interface Match {
  readonly match: string;
  readonly not_match: string;
}

const errorModes = ['ignore', 'silent', 'propagate'] as const;
export type ErrorMode = (typeof errorModes)[number];

/** Conditions about one context; from a plain string it is the one that its paths name. */
export interface ConditionGroup {
  readonly context: ContextName | undefined;
  readonly conditions: readonly string[];
  readonly errorMode: ErrorMode | undefined;
  /** It stands in the list as a plain string. */
  readonly plain: boolean;
}

export interface FilterConfig {
  readonly network: ReadonlyMap<string, Match>;
  readonly application: ReadonlyMap<string, unknown>;
  readonly stats: ReadonlyMap<string, unknown>;
  readonly metric_conditions: readonly ConditionGroup[];
  readonly metrics: Readonly<Record<LegacyList, readonly string[]>>;
  readonly error_mode: ErrorMode;
}

/** Lists of upstream's older shape; each is a context. */
export const legacyLists = ['resource', 'metric', 'datapoint'] as const;
type LegacyList = (typeof legacyLists)[number];

/** One condition with its place in the configuration. */
export interface PlacedCondition {
  readonly path: readonly string[];
  readonly text: string;
  readonly context: ContextName;
  readonly errorMode: ErrorMode;
}

/** Beyla's YAML takes a number for its text: `match: 53`. */
const scalarText: Format<string> = Object.assign(
  (value: unknown): string => {
    if (typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean') return String(value);
    throw new FormatError(wrongType('string', value, 'write a glob, such as "10.0.*"'));
  },
  { text: true as const },
);

const match: ConfigSchema<Match> = {
  match: { doc: 'A glob: what does not match it is dropped.', format: scalarText, default: '' },
  not_match: { doc: 'A glob: what matches it is dropped.', format: scalarText, default: '' },
};

const errorMode = oneOf(...errorModes);
const context = oneOf(...contextNames);

function readGroup(item: unknown): ConditionGroup {
  if (typeof item === 'string') return { context: undefined, conditions: [item], errorMode: undefined, plain: true };
  if (typeof item !== 'object' || item === null || Array.isArray(item)) {
    throw new FormatError(wrongType('string', item, 'write a condition, or {context: ..., conditions: [...]}'));
  }
  const block = item as Readonly<Record<string, unknown>>;
  const known = ['context', 'conditions', 'error_mode'];
  const extra = Object.keys(block).find((key) => !known.includes(key));
  if (extra !== undefined) {
    const fix = suggestionFor(extra, known, 'keys');
    throw new FormatError({ message: `has invalid keys: ${extra}`, path: [extra], code: 'config/unknown-key', fix });
  }
  return {
    context: block.context === undefined ? undefined : at('context', () => context(block.context)),
    conditions: at('conditions', () => stringsOf(block.conditions ?? [])),
    errorMode: block.error_mode === undefined ? undefined : at('error_mode', () => errorMode(block.error_mode)),
    plain: false,
  };
}

/** Conditions hold commas: a text is one condition and no list. */
function stringsOf(value: unknown): readonly string[] {
  if (Array.isArray(value)) return stringList(value);
  throw new FormatError(wrongType('[]string', value, 'write a list, each condition in single quotes'));
}

const strings: Format<readonly string[]> = (value) => stringsOf(value);

function at<Value>(key: string, read: () => Value): Value {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof FormatError)) throw error;
    throw new FormatError(...error.problems.map((problem) => ({ ...problem, path: [key, ...(problem.path ?? [])] })));
  }
}

const conditionGroups: Format<readonly ConditionGroup[]> = Object.assign(
  (value: unknown): readonly ConditionGroup[] => {
    if (!Array.isArray(value)) throw new FormatError(wrongType('slice', value, 'write a list of conditions'));
    return value.map((item, index) => at(String(index), () => readGroup(item)));
  },
  {
    print: (groups: readonly ConditionGroup[]) =>
      groups.map(({ context, conditions, errorMode, plain }) =>
        plain
          ? conditions[0]
          : { ...(context && { context }), ...(errorMode && { error_mode: errorMode }), conditions },
      ),
  },
);

const legacy = (name: LegacyList) => ({
  doc: `Conditions about each ${name}; the older shape of \`metric_conditions\`.`,
  format: strings,
  default: [],
});

export const schema: ConfigSchema<FilterConfig> = {
  network: {
    doc: "Beyla's block `filter.network`: by attribute `{match: GLOB}` or `{not_match: GLOB}`. A flow stays when all entries let it pass.",
    format: keyedMapOf<Match>(match),
    default: {},
  },
  application: {
    doc: "Beyla's block for metrics that this build does not have: a warning, and it decides nothing.",
    format: keyedMap,
    default: {},
  },
  stats: { doc: 'The same, of OBI.', format: keyedMap, default: {} },
  metric_conditions: {
    doc: 'OTTL conditions, as text or as `{context, conditions, error_mode}`. What any of them is true for is dropped.',
    format: conditionGroups,
    default: [],
  },
  metrics: { resource: legacy('resource'), metric: legacy('metric'), datapoint: legacy('datapoint') },
  error_mode: {
    doc: 'When a condition cannot be answered for a row: `ignore`, keep the row and say so in the log; `silent`, keep it; `propagate`, the window is lost.',
    format: errorMode,
    default: 'propagate',
  },
};

const onlyMetrics = 'a collector behind this agent, which makes metrics only';

/** Keys of upstream. */
export const elsewhere: Readonly<Record<string, string>> = {
  log_conditions: onlyMetrics,
  trace_conditions: onlyMetrics,
  profile_conditions: onlyMetrics,
  logs: onlyMetrics,
  traces: onlyMetrics,
  spans: onlyMetrics,
};

/** All conditions, of both shapes, in the order of the file. */
export function conditionsOf({ metric_conditions, metrics, error_mode }: FilterConfig): readonly PlacedCondition[] {
  const grouped = metric_conditions.flatMap(
    ({ context = 'datapoint', conditions, errorMode = error_mode, plain }, at) =>
      conditions.map((text, index) => {
        const path = ['metric_conditions', String(at), ...(plain ? [] : ['conditions', String(index)])];
        return { path, text, context, errorMode };
      }),
  );
  const older = legacyLists.flatMap((context) =>
    metrics[context].map((text, index) => {
      return { path: ['metrics', context, String(index)], text, context, errorMode: error_mode };
    }),
  );
  return [...grouped, ...older];
}

export function problemsOf(config: FilterConfig): readonly ConfigProblem[] {
  const problems = [...config.network].flatMap(([key, entry]) => matchProblems(key, entry));
  problems.push(...sameAttributeTwice([...config.network.keys()]));
  const used = legacyLists.filter((name) => config.metrics[name].length > 0).map((name) => `"metrics.${name}"`);
  if (used.length > 0 && config.metric_conditions.length > 0) {
    const message = `cannot use context inferred metric conditions "metric_conditions" and the settings ${used.join(', ')} at the same time`;
    problems.push({ path: ['metrics'], message, fix: 'move them all to metric_conditions' });
  }
  for (const condition of conditionsOf(config)) problems.push(...conditionProblems(condition));
  return problems;
}

function matchProblems(key: string, entry: Match): readonly ConfigProblem[] {
  const path = ['network', key];
  if (attributeNamed(key) === undefined) {
    const known = attributes.map(({ name }) => name);
    const fix = suggestionFor(key.replaceAll('_', '.'), known, 'attributes');
    return [{ path, message: `unknown attribute "${key}"`, fix }];
  }
  if (entry.match !== '' && entry.not_match !== '') {
    return [{ path, message: 'has both match and not_match', fix: 'leave one of them out' }];
  }
  const given = entry.match === '' ? 'not_match' : 'match';
  if (entry[given] === '') return [{ path, message: 'needs match or not_match', fix: 'such as {match: "10.0.*"}' }];
  if (globExpression(entry[given]) !== undefined) return [];
  const fix = 'close the bracket or brace, or put \\ before it';
  return [{ path: [...path, given], message: `syntax error in pattern "${entry[given]}"`, fix }];
}

/** Two spellings of one attribute would be two rules where the user sees one. */
function sameAttributeTwice(keys: readonly string[]): readonly ConfigProblem[] {
  const firstKeys = new Map<string, string>();
  return keys.flatMap((key): readonly ConfigProblem[] => {
    const name = attributeNamed(key)?.name;
    const first = name === undefined ? undefined : firstKeys.get(name);
    if (name !== undefined && first === undefined) firstKeys.set(name, key);
    if (first === undefined) return [];
    const message = `"${key}" and "${first}" are the same attribute`;
    return [{ path: ['network', key], message, fix: 'join them in one glob, such as "{a,b}"' }];
  });
}

function conditionProblems({ path, text, context }: PlacedCondition): readonly ConfigProblem[] {
  try {
    conditionRule(text, context);
    return [];
  } catch (error) {
    if (!(error instanceof OttlError)) throw error;
    const message = `unable to parse OTTL condition ${JSON.stringify(text)}: ${error.message}`;
    return [{ path, message, ...(error.fix === undefined ? {} : { fix: error.fix }) }];
  }
}
