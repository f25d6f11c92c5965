/** YAML text to a tree with places: syntax errors, duplicate keys, anchors, merge keys and `a::b` keys. */

import {
  type Alias,
  type Document,
  isAlias,
  isMap,
  isScalar,
  isSeq,
  LineCounter,
  type Pair,
  type ParsedNode,
  parseAllDocuments,
  type Scalar,
} from 'yaml';
import { WeirError } from '../errors.ts';
import { type ConfigNode, type MapNode, merge, pathDelimiter } from './tree.ts';

/** The place of a position; sources without lines of their own give one place for all. */
export type PlaceOf = (line: number, column: number) => string;

interface Reading {
  readonly document: Document.Parsed;
  readonly placeOf: (node: ParsedNode) => string;
  readonly problems: WeirError[];
  /** Aliases on the way down: an anchor that contains its own alias would never end. */
  readonly openAliases: ReadonlySet<string>;
}

/**
 * Reads the first document. An empty text is a null scalar. Problems are added to the list, each with its place; the
 * tree is then not to be used.
 */
export function parseYaml(text: string, placeOf: PlaceOf, problems: WeirError[]): ConfigNode {
  const lineCounter = new LineCounter();
  const placeAt = (offset: number) => {
    const { line, col } = lineCounter.linePos(offset);
    return placeOf(line, col);
  };
  const documents = parseAllDocuments(text, { version: '1.2', prettyErrors: false, lineCounter });
  const document = Array.isArray(documents) ? documents[0] : undefined;
  if (document === undefined) return { kind: 'scalar', value: null, place: placeOf(1, 1) };
  for (const { code, message, pos } of [...document.errors, ...document.warnings]) {
    const words = code === 'DUPLICATE_KEY' ? 'mapping key already defined' : message;
    problems.push(yamlError(words, placeAt(pos[0]), fixOfCode[code] ?? generalFix));
  }
  if (document.contents === null || problems.length > 0) return { kind: 'scalar', value: null, place: placeOf(1, 1) };
  const reading = { document, problems, openAliases: new Set<string>(), placeOf: placeOfNode(placeAt) };
  return nodeOf(document.contents, undefined, reading);
}

const fixOfCode: Readonly<Record<string, string>> = {
  DUPLICATE_KEY: 'keep one of the two',
  TAB_AS_INDENT: 'indent with spaces',
  MISSING_CHAR: 'close what is open, or put a space after the colon of a key',
};
const generalFix = 'mend the indentation, or put the text in quotes';

const yamlError = (message: string, place: string, fix: string) =>
  new WeirError('config/yaml', `cannot resolve the configuration: yaml: ${message}`, { place, fix });

const placeOfNode = (placeAt: (offset: number) => string) => (node: ParsedNode) => placeAt(node.range[0]);

function nodeOf(node: ParsedNode | null, keyPlace: string | undefined, reading: Reading): ConfigNode {
  if (node === null) return { kind: 'scalar', value: null, place: keyPlace ?? '' };
  const place = keyPlace ?? reading.placeOf(node);
  if (isAlias(node)) return aliasTarget(node, place, reading);
  if (isMap(node)) return mapOf(node.items as Pair<ParsedNode, ParsedNode | null>[], place, reading);
  if (isSeq(node)) {
    return { kind: 'list', items: node.items.map((item) => nodeOf(item as ParsedNode, undefined, reading)), place };
  }
  const value = isScalar(node) ? scalarValue(node) : null;
  const known = value === null || typeof value === 'number' || typeof value === 'boolean' ? value : String(value);
  return { kind: 'scalar', value: known, place };
}

/** Upstream's YAML has one rule of version 1.1 left: a whole number with a leading zero is octal. */
function scalarValue({ value, source = '' }: Scalar): unknown {
  const octal = typeof value === 'number' ? /^([-+]?)0([0-7]+)$/.exec(source) : null;
  return octal === null ? value : Number(`${octal[1]}1`) * Number.parseInt(octal[2]!, 8);
}

function aliasTarget(alias: Alias.Parsed, place: string, reading: Reading): ConfigNode {
  const target = alias.resolve(reading.document) as ParsedNode | undefined;
  if (target === undefined || reading.openAliases.has(alias.source)) {
    reading.problems.push(yamlError(`anchor '${alias.source}' value contains itself`, place, 'write it out'));
    return { kind: 'scalar', value: null, place };
  }
  const openAliases = new Set([...reading.openAliases, alias.source]);
  return nodeOf(target, place, { ...reading, openAliases });
}

function mapOf(pairs: readonly Pair<ParsedNode, ParsedNode | null>[], place: string, reading: Reading): MapNode {
  const inherited = new Map<string, ConfigNode>();
  let own: ConfigNode = { kind: 'map', entries: new Map(), place };
  for (const { key, value } of pairs) {
    const keyPlace = reading.placeOf(key);
    const target = isAlias(key) ? key.resolve(reading.document) : key;
    if (!isScalar(target)) {
      reading.problems.push(yamlError('a key must be text', keyPlace, generalFix));
      continue;
    }
    const node = nodeOf(value, keyPlace, reading);
    const name = typeof target.value === 'string' ? target.value : (target.source ?? '');
    if (name === '<<' && target.type === 'PLAIN') inherit(node, inherited, reading);
    else own = merge(own, nested(name.split(pathDelimiter), node, keyPlace), () => undefined);
  }
  const entries = own.kind === 'map' ? own.entries : new Map();
  return { kind: 'map', entries: new Map([...inherited, ...entries]), place };
}

/** The maps of a merge key: of several that have a key the first wins, and none is joined with another. */
function inherit(node: ConfigNode, inherited: Map<string, ConfigNode>, reading: Reading): void {
  for (const parent of node.kind === 'list' ? node.items : [node]) {
    if (parent.kind !== 'map') {
      reading.problems.push(
        yamlError('map merge requires map or sequence of maps as the value', node.place, 'give << an alias of a map'),
      );
      continue;
    }
    for (const [key, value] of parent.entries) if (!inherited.has(key)) inherited.set(key, value);
  }
}

/** `a::b: 1` is `a: {b: 1}`. */
function nested(keys: readonly string[], node: ConfigNode, place: string): MapNode {
  const [first = '', ...rest] = keys;
  const value = rest.length === 0 ? node : nested(rest, node, place);
  return { kind: 'map', entries: new Map([[first, value]]), place };
}
