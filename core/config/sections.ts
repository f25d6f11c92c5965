/** The sections of components: every id resolved to its definition, every block checked, every problem with a place. */

import type { Component, ComponentKind, ConfigProblem } from '../component/define.ts';
import { WeirError } from '../errors.ts';
import { addAttributes } from '../table/attributes.ts';
import { type BlockProblem, type DecodedBlock, decodeBlock } from './block.ts';
import type { Findings } from './findings.ts';
import { formatId, parseId } from './ids.ts';
import type { FormatProblem } from './schema.ts';
import { suggestionFor } from './suggest.ts';
import { type ConfigNode, isNull, nearestNode, pathDelimiter } from './tree.ts';
import type { ComponentInstance } from './types.ts';

export type SectionName = 'receivers' | 'processors' | 'exporters' | 'extensions' | 'connectors';

const kindOfSection: Readonly<Record<SectionName, ComponentKind | undefined>> = {
  receivers: 'receiver',
  processors: 'processor',
  exporters: 'exporter',
  extensions: 'extension',
  // This build has none; the section exists so that what it holds is refused by name.
  connectors: undefined,
};

export interface DecodedSection {
  readonly instances: readonly ComponentInstance[];
  /** Ids that the file has, also those whose block is wrong: a reference to one of them is no second mistake. */
  readonly ids: ReadonlySet<string>;
  /** Old spellings of types, for references from pipelines. */
  readonly aliases: ReadonlyMap<string, string>;
}

/** Reads one section; problems and warnings go to the findings. */
export function decodeSection(
  section: SectionName,
  node: ConfigNode | undefined,
  components: readonly Component[],
  findings: Findings,
): DecodedSection {
  const definitions = new Map(
    components.filter(({ kind }) => kind === kindOfSection[section]).map((component) => [component.type, component]),
  );
  const aliases = new Map(
    [...definitions.values()].flatMap(({ type, aliases = {} }) => Object.keys(aliases).map((alias) => [alias, type])),
  );
  const decoded: DecodedComponent[] = [];
  const instances: ComponentInstance[] = [];
  const ids = new Set<string>();
  const report = (place: string, key: string, message: string, fix: string) =>
    findings.problems.push(
      new WeirError('config/component', `error decoding '${section}': ${message}`, {
        place,
        path: `${section}${pathDelimiter}${key}`,
        fix,
      }),
    );

  if (node === undefined || isNull(node)) return { instances, ids, aliases };
  if (node.kind !== 'map') {
    report(node.place, '', 'expected a map', 'write the id of each component as a key');
    return { instances, ids, aliases };
  }
  for (const [key, block] of node.entries) {
    const parsed = parseId(key, aliases);
    if (typeof parsed === 'string') {
      report(block.place, key, parsed, 'an id is type or type/name, such as otlp_grpc/backup');
      continue;
    }
    const id = formatId(parsed);
    const definition = definitions.get(parsed.type);
    if (definition === undefined) {
      ids.add(id);
      const known = [...definitions.keys()].sort();
      const message = `unknown type: "${parsed.type}" for id: "${id}" (valid values: [${known.join(' ')}])`;
      report(
        block.place,
        key,
        message,
        otherSection(parsed.type, components) ?? suggestionFor(parsed.type, known, section),
      );
      continue;
    }
    if (ids.has(id)) {
      report(
        block.place,
        key,
        `duplicate name "${id}" after unmarshaling`,
        `give one of the two a name, such as ${id}/2`,
      );
      continue;
    }
    ids.add(id);
    warnOfAlias(key, definition, block.place, findings);
    const { config, isComplete, problems } = decodeComponent({ section, id, key, definition, node: block, findings });
    const placeOf = (path: readonly string[]) => nearestNode(block, path).place;
    if (!isComplete) continue;
    decoded.push({
      instance: { id, type: parsed.type, definition, config, placeOf },
      path: [section, key],
      node: block,
      refused: problems,
    });
  }
  // Before the checks: one component may name what another one brings.
  for (const { instance } of decoded) addAttributes(attributesOf(instance));
  for (const one of decoded) if (isValid(one, findings)) instances.push(one.instance);
  return { instances, ids, aliases };
}

function otherSection(type: string, components: readonly Component[]): string | undefined {
  const other = components.find((component) => component.type === type);
  return other && `${type} lives under '${other.kind}s'`;
}

function warnOfAlias(key: string, { aliases = {} }: Component, place: string, { warnings }: Findings): void {
  const alias = (key.split('/')[0] ?? '').trim();
  const warning = Object.hasOwn(aliases, alias) ? aliases[alias] : undefined;
  if (warning !== undefined) warnings.push(`${place}: ${warning}`);
}

interface Block {
  readonly section: SectionName;
  readonly id: string;
  /** The id as the file spells it. */
  readonly key: string;
  readonly definition: Component;
  readonly node: ConfigNode;
  readonly findings: Findings;
}

interface DecodedComponent {
  readonly instance: ComponentInstance;
  readonly path: readonly string[];
  readonly node: ConfigNode;
  /** Values and keys in whose place the defaults stand. */
  readonly refused: readonly BlockProblem[];
}

const attributesOf = ({ definition, config }: ComponentInstance) =>
  definition.kind === 'processor' ? (definition.attributes?.(config) ?? []) : [];

/** The checks across keys; of a block with mistakes those that have nothing to do with them. */
function isValid({ instance, path, node, refused }: DecodedComponent, { problems }: Findings): boolean {
  const { definition, config } = instance;
  const conflicts = (definition.validate?.(config) ?? []).filter((conflict) => !followsFrom(refused, conflict));
  for (const conflict of conflicts) problems.push(validationError(path, conflict, node));
  return conflicts.length === 0 && refused.length === 0;
}

/** Whether a complaint may be about a default that stands for a refused value: it names that key, or the one that was meant. */
function followsFrom(refused: readonly BlockProblem[], { path, message, fix = '' }: ConfigProblem): boolean {
  const words = new Set([...path, message, fix].join(' ').match(/[\w.]+/g));
  return refused.some((problem) => {
    const meant = /^did you mean '(.+)'\?$/.exec(problem.fix ?? '')?.[1];
    const isAbove = path.every((key, at) => problem.path?.[at] === key);
    return isAbove || words.has(problem.key) || (meant !== undefined && words.has(meant));
  });
}

/** Each key checked alone. */
function decodeComponent({ section, id, key, definition, node, findings }: Block): DecodedBlock<unknown> {
  const decoded = decodeBlock<unknown>(definition.config, node);
  const path = [section, key];
  for (const problem of decoded.problems) {
    const moved = problem.path?.length === 1 ? definition.elsewhere?.[problem.path[0] ?? ''] : undefined;
    const fixed = moved === undefined ? problem : { ...problem, fix: `it lives elsewhere: ${moved}` };
    findings.problems.push(decodeError(`error decoding '${section}': error decoding '${id}': `, path, fixed, node));
  }
  return decoded;
}

/** A problem of one block as an error: upstream's words, then the place of the very key. */
export function decodeError(
  prefix: string,
  blockPath: readonly string[],
  problem: FormatProblem,
  node: ConfigNode,
): WeirError {
  const { path = [], message, fix, code = 'config/value' } = problem;
  const fullPath = [...blockPath, ...path].join(pathDelimiter);
  const details = { place: nearestNode(node, path).place, path: fullPath, ...(fix === undefined ? {} : { fix }) };
  if (code === 'config/missing') {
    const block = [...blockPath, ...path.slice(0, -1)].join(pathDelimiter);
    return new WeirError(code, `${block}: ${message}`, details);
  }
  // An unknown key is a complaint about the map that holds it.
  const subject = code === 'config/unknown-key' ? path.slice(0, -1) : path;
  const name = subject.length === 0 ? '' : `'${subject.join('.')}' `;
  return new WeirError(code, `${prefix}${name}${message}`, details);
}

function validationError(blockPath: readonly string[], problem: ConfigProblem, node: ConfigNode): WeirError {
  const path = [...blockPath, ...problem.path].join(pathDelimiter);
  return new WeirError('config/value', `${path}: ${problem.message}`, {
    place: nearestNode(node, problem.path).place,
    path,
    ...(problem.fix === undefined ? {} : { fix: problem.fix }),
  });
}
