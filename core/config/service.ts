/** The `service` section: pipelines and what they refer to, extensions, telemetry. */

import { WeirError } from '../errors.ts';
import { decodeBlock } from './block.ts';
import type { Findings } from './findings.ts';
import { keyedMap, stringList } from './formats.ts';
import { formatId, parseId } from './ids.ts';
import type { ConfigSchema } from './schema.ts';
import { type DecodedSection, decodeError, type SectionName } from './sections.ts';
import { suggestionFor } from './suggest.ts';
import { type TelemetrySection, telemetryConfig, telemetryProblem, telemetrySchema } from './telemetry.ts';
import { type ConfigNode, isNull, nearestNode } from './tree.ts';
import type { PipelineConfig, TelemetryConfig } from './types.ts';

interface ServiceSection {
  readonly extensions: readonly string[];
  readonly pipelines: ReadonlyMap<string, unknown>;
  readonly telemetry: TelemetrySection;
}

const serviceSchema: ConfigSchema<ServiceSection> = {
  extensions: { doc: 'Ids of the extensions to start.', format: stringList, default: [] },
  pipelines: { doc: 'The pipelines by id: signal or signal/name.', format: keyedMap, default: {} },
  telemetry: telemetrySchema,
};

type Role = 'receivers' | 'processors' | 'exporters';
const roles: readonly Role[] = ['receivers', 'processors', 'exporters'];

const pipelineSchema: ConfigSchema<Readonly<Record<Role, readonly string[]>>> = {
  receivers: { doc: 'Ids of the receivers.', format: stringList, default: [] },
  processors: { doc: 'Ids of the processors, in order.', format: stringList, default: [] },
  exporters: { doc: 'Ids of the exporters.', format: stringList, default: [] },
};

/** Signals that the Collector has and that no component here produces. */
const unsupportedSignals = new Set(['traces', 'logs', 'profiles']);

export type Sections = Readonly<Record<SectionName, DecodedSection>>;

export interface DecodedService {
  readonly usedExtensions: readonly string[];
  readonly pipelines: readonly PipelineConfig[];
  readonly telemetry: TelemetryConfig;
}

interface Context {
  readonly sections: Sections;
  readonly findings: Findings;
}

/** Reads the section and checks every reference; problems go to the findings. */
export function decodeService(node: ConfigNode | undefined, sections: Sections, findings: Findings): DecodedService {
  const context = { sections, findings };
  const { config, problems } = decodeBlock(serviceSchema, node);
  for (const problem of problems) {
    if (node !== undefined) {
      findings.problems.push(decodeError("error decoding 'service': ", ['service'], problem, node));
    }
  }
  const pipelinesNode = node?.kind === 'map' ? node.entries.get('pipelines') : undefined;
  const pipelines = pipelinesNode?.kind === 'map' ? decodePipelines(pipelinesNode.entries, context) : [];
  if (pipelinesNode === undefined || isNull(pipelinesNode) || isEmptyMap(pipelinesNode)) {
    report(context, 'config/missing', 'service::pipelines', 'service must have at least one pipeline', {
      place: pipelinesNode?.place ?? node?.place,
      fix: 'add service: {pipelines: {metrics: {receivers: [...], exporters: [...]}}}',
    });
  }
  if (problems.length > 0) {
    const telemetry = telemetryConfig(decodeBlock(telemetrySchema, undefined).config);
    return { usedExtensions: [], pipelines, telemetry };
  }
  const usedExtensions = resolveReferences({
    role: 'extensions',
    path: 'service::extensions',
    ids: config.extensions,
    node,
    context,
  });
  const complaint = telemetryProblem(config.telemetry);
  if (complaint !== undefined && node !== undefined) {
    const place = nearestNode(node, ['telemetry', 'metrics', 'readers']).place;
    const fix = 'give one reader, or set level: none';
    report(context, 'config/value', 'service::telemetry::metrics::readers', complaint, { place, fix });
  }
  return { usedExtensions, pipelines, telemetry: telemetryConfig(config.telemetry) };
}

const isEmptyMap = (node: ConfigNode): boolean => node.kind === 'map' && node.entries.size === 0;

function report(
  { findings }: Context,
  code: 'config/missing' | 'config/reference' | 'config/value' | 'config/component',
  path: string,
  message: string,
  { place, fix }: { readonly place: string | undefined; readonly fix: string },
): void {
  const details = { path, fix, ...(place === undefined ? {} : { place }) };
  findings.problems.push(new WeirError(code, `${path}: ${message}`, details));
}

function decodePipelines(entries: ReadonlyMap<string, ConfigNode>, context: Context): readonly PipelineConfig[] {
  const pipelines: PipelineConfig[] = [];
  for (const [key, node] of entries) {
    const path = `service::pipelines::${key}`;
    const parsed = parseId(key, new Map());
    const signal = typeof parsed === 'string' ? undefined : parsed.type;
    if (typeof parsed !== 'string' && signal === 'metrics') {
      const pipeline = decodePipeline(formatId(parsed), key, node, context);
      if (pipeline !== undefined) pipelines.push(pipeline);
    } else if (signal !== undefined && unsupportedSignals.has(signal)) {
      const message = `failed to create ${firstReceiver(node)} for data type "${signal}": telemetry type is not supported`;
      const fix = 'Weir makes metrics only: take this pipeline out';
      report(context, 'config/value', path, message, { place: node.place, fix });
    } else {
      const message = typeof parsed === 'string' ? parsed : `in "${key}" id: unknown pipeline signal: "${signal}"`;
      const fix = 'a pipeline id is metrics or metrics/name';
      report(context, 'config/component', path, message, { place: node.place, fix });
    }
  }
  return pipelines;
}

function firstReceiver(node: ConfigNode): string {
  const first = nearestNode(node, ['receivers', '0']);
  return first.kind === 'scalar' && first.value !== null ? `"${first.value}" receiver` : 'components';
}

function decodePipeline(id: string, key: string, node: ConfigNode, context: Context): PipelineConfig | undefined {
  const { config, problems } = decodeBlock(pipelineSchema, node);
  for (const problem of problems) {
    const path = ['service', 'pipelines', key];
    context.findings.problems.push(
      decodeError(`error decoding 'service': error decoding '${key}': `, path, problem, node),
    );
  }
  if (problems.length > 0) return undefined;
  for (const role of ['receivers', 'exporters'] as const) {
    if (config[role].length > 0) continue;
    report(context, 'config/missing', `service::pipelines::${key}`, `must have at least one ${role.slice(0, -1)}`, {
      place: nearestNode(node, [role]).place,
      fix: `list ids of configured ${role}`,
    });
  }
  const [receivers = [], processors = [], exporters = []] = roles.map((role) =>
    resolveReferences({ role, path: `service::pipelines::${key}`, ids: config[role], node, context }),
  );
  return { id, signal: 'metrics', receivers, processors, exporters, place: node.place };
}

interface References {
  readonly role: Role | 'extensions';
  /** Of the block that has the list. */
  readonly path: string;
  readonly ids: readonly string[];
  /** That block; undefined: the file has none. */
  readonly node: ConfigNode | undefined;
  readonly context: Context;
}

function resolveReferences({ role, path, ids, node, context }: References): readonly string[] {
  const section = context.sections[role];
  const resolved: string[] = [];
  const kind = role.slice(0, -1);
  for (const [index, text] of ids.entries()) {
    const place = node && nearestNode(node, [role, String(index)]).place;
    const parsed = parseId(text, section.aliases);
    const id = typeof parsed === 'string' ? text : formatId(parsed);
    if (!section.ids.has(id)) {
      const fix = suggestionFor(id, [...section.ids], role);
      report(context, 'config/reference', path, `references ${kind} "${text}" which is not configured`, { place, fix });
    } else if (resolved.includes(id)) {
      const fix = 'name it once';
      report(context, 'config/reference', path, `references ${kind} "${id}" multiple times`, { place, fix });
    } else resolved.push(id);
  }
  return resolved;
}
