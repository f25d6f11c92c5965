/** From configuration sources to a ResolvedConfig: read, merge, expand, decode, validate; every problem at once. */

import type {
  Component,
  ExporterComponent,
  ExtensionComponent,
  ProcessorComponent,
  ReceiverComponent,
} from '../component/define.ts';
import { WeirError } from '../errors.ts';
import { expandTree } from './expand.ts';
import { type Findings, noFindings, throwProblems } from './findings.ts';
import { decodeSection, type SectionName } from './sections.ts';
import { type DecodedService, decodeService, type Sections } from './service.ts';
import { type ConfigSources, readSources } from './sources.ts';
import { suggestionFor } from './suggest.ts';
import { type MapNode, pathDelimiter } from './tree.ts';
import type { ComponentInstance, ResolvedConfig } from './types.ts';

const sectionNames: readonly SectionName[] = ['receivers', 'processors', 'exporters', 'connectors', 'extensions'];
const topLevelKeys: readonly string[] = [...sectionNames, 'service'];

/**
 * Loads a configuration. Throws an AggregateError whose `errors` are WeirErrors, one per problem; `reportOf` prints it.
 * Reading and expanding come first: only when they succeed is the content looked at.
 */
export function loadConfig(sources: ConfigSources, components: readonly Component[]): ResolvedConfig {
  const findings = noFindings();
  const root = resolveTree(sources, findings);
  reportUnknownSections(root, findings);
  const sections = Object.fromEntries(
    sectionNames.map((name) => [name, decodeSection(name, root.entries.get(name), components, findings)]),
  ) as Sections;
  for (const kind of ['receiver', 'exporter'] as const) {
    const node = root.entries.get(`${kind}s`);
    if (node?.kind === 'map' && node.entries.size > 0) continue;
    findings.problems.push(
      new WeirError('config/missing', `no ${kind} configuration specified in config`, {
        place: node?.place ?? root.place,
        path: `${kind}s`,
        fix: `add a '${kind}s' section`,
      }),
    );
  }
  const service = decodeService(root.entries.get('service'), sections, findings);
  throwProblems(findings);

  const instances = sectionNames.flatMap((name) => sections[name].instances);
  warnOfUnused(sections, service, findings);
  return {
    receivers: instances.filter((one) => isKind<ReceiverComponent<unknown>>(one, 'receiver')),
    processors: instances.filter((one) => isKind<ProcessorComponent<unknown>>(one, 'processor')),
    exporters: instances.filter((one) => isKind<ExporterComponent<unknown>>(one, 'exporter')),
    extensions: instances.filter((one) => isKind<ExtensionComponent<unknown>>(one, 'extension')),
    ...service,
    warnings: findings.warnings,
  };
}

function isKind<Definition extends Component>(
  instance: ComponentInstance,
  kind: Definition['kind'],
): instance is ComponentInstance<Definition> {
  return instance.definition.kind === kind;
}

function resolveTree(sources: ConfigSources, findings: Findings): MapNode {
  if (sources.uris.length === 0) {
    throw new AggregateError([
      new WeirError('cli/usage', 'at least one config flag must be provided', { fix: 'add --config FILE' }),
    ]);
  }
  const merged = readSources(sources, findings);
  throwProblems(findings);
  const root = merged && expandTree(merged, sources.environment ?? process.env, findings);
  throwProblems(findings);
  if (root?.kind === 'map' && root.entries.size > 0) return root;
  const fix = 'it needs receivers, exporters and service; collector.yaml shows how';
  const place = sources.uris.join(', ');
  throw new AggregateError([new WeirError('config/missing', 'empty configuration file', { place, fix })]);
}

function reportUnknownSections(root: MapNode, { problems }: Findings): void {
  for (const [key, { place }] of root.entries) {
    if (topLevelKeys.includes(key)) continue;
    const fix = suggestionFor(key, topLevelKeys, 'sections');
    const message = `cannot unmarshal the configuration: has invalid keys: ${key}`;
    problems.push(new WeirError('config/unknown-key', message, { place, path: key, fix }));
  }
}

function warnOfUnused(sections: Sections, service: DecodedService, { warnings }: Findings): void {
  const { pipelines, usedExtensions } = service;
  for (const role of ['receivers', 'processors', 'exporters'] as const) {
    const used = new Set(pipelines.flatMap((pipeline) => pipeline[role]));
    for (const { id, placeOf } of sections[role].instances) {
      if (used.has(id)) continue;
      warnings.push(`${placeOf([])}: ${role}${pathDelimiter}${id} is configured, but no pipeline uses it`);
    }
  }
  for (const { id, placeOf } of sections.extensions.instances) {
    if (usedExtensions.includes(id)) continue;
    warnings.push(`${placeOf([])}: extensions${pathDelimiter}${id} is configured, but service::extensions has it not`);
  }
}
