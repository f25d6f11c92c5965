/**
 * References inside values: `${env:X}`, `${env:X:-default}`, `${X}`, `${file:path}`, `${yaml:...}`, nested ones, and
 * `$$` for a dollar sign. A value that is one whole reference becomes what its text is as YAML, and keeps the text for
 * fields that want text; a reference inside a longer text is put in as text.
 */

import { WeirError } from '../errors.ts';
import type { Findings } from './findings.ts';
import { checkEnvironmentName, readTextFile, splitUri } from './sources.ts';
import type { ConfigNode } from './tree.ts';
import { parseYaml } from './yaml.ts';

/** A variable that names itself would expand for ever. */
const maximumDepth = 100;

type Environment = Readonly<Record<string, string | undefined>>;

interface Expansion {
  readonly environment: Environment;
  readonly findings: Findings;
  readonly place: string;
  readonly depth: number;
}

/** Expands every text of the tree. Problems go to the findings; the tree is then not to be used. */
export function expandTree(node: ConfigNode, environment: Environment, findings: Findings): ConfigNode {
  return expandNode(node, { environment, findings, place: node.place, depth: 0 });
}

function expandNode(node: ConfigNode, expansion: Expansion): ConfigNode {
  if (node.kind === 'map') {
    return { ...node, entries: new Map([...node.entries].map(([key, value]) => [key, expandNode(value, expansion)])) };
  }
  if (node.kind === 'list') return { ...node, items: node.items.map((item) => expandNode(item, expansion)) };
  if (typeof node.value !== 'string' || !node.value.includes('$')) return node;
  try {
    return expandText(node.value, { ...expansion, place: node.place });
  } catch (error) {
    if (!(error instanceof WeirError)) throw error;
    expansion.findings.problems.push(error);
    return node;
  }
}

const failure = (message: string, { place }: Expansion, fix: string) =>
  new WeirError('config/source', `cannot resolve the configuration: ${message}`, { place, fix });

function expandText(text: string, expansion: Expansion): ConfigNode {
  if (expansion.depth > maximumDepth) {
    throw failure('too many recursive expansions', expansion, 'a reference leads back to itself');
  }
  let result = '';
  for (let position = 0; position < text.length; ) {
    if (text.startsWith('$$', position)) {
      result += '$';
      position += 2;
      continue;
    }
    const end = text.startsWith('${', position) ? endOfReference(text, position) : -1;
    if (end === -1) {
      result += text[position];
      position += 1;
      continue;
    }
    const reference = textOf(expandText(text.slice(position + 2, end - 1), expansion));
    const value = retrieveReference(reference, expansion);
    if (position === 0 && end === text.length) return value;
    result += textOf(value);
    position = end;
  }
  return { kind: 'scalar', value: result, place: expansion.place };
}

/** The position after the brace that closes the reference opened at `start`; -1 when none does. */
function endOfReference(text: string, start: number): number {
  let open = 0;
  for (let position = start; position < text.length; position++) {
    if (text.startsWith('${', position)) open++;
    else if (text[position] === '}' && --open === 0) return position + 1;
  }
  return -1;
}

const textOf = (node: ConfigNode): string =>
  node.text ?? (node.kind === 'scalar' && node.value !== null ? String(node.value) : '');

function retrieveReference(reference: string, expansion: Expansion): ConfigNode {
  const inner = { ...expansion, depth: expansion.depth + 1 };
  const { scheme, rest } = reference.includes(':') ? splitUri(reference) : { scheme: 'env', rest: reference };
  if (reference.includes('$')) {
    const message = `the uri "${reference}" contains unsupported characters ('$')`;
    throw failure(message, expansion, 'the name of a reference cannot hold a dollar sign');
  }
  switch (scheme) {
    case 'env':
      return retrieveVariable(rest, inner);
    case 'file':
      // Editors and `echo` end a file with a line feed that belongs to no secret.
      return parseRetrieved(readTextFile(rest, expansion.place).replace(/\r?\n$/, ''), inner);
    case 'yaml':
      return parseRetrieved(rest, inner);
    default:
      throw failure(
        `scheme "${scheme ?? ''}" is not supported for uri "${reference}"`,
        expansion,
        reference.includes(':-') ? `write \${env:${reference}}` : 'use env:, file: or yaml:',
      );
  }
}

function retrieveVariable(rest: string, expansion: Expansion): ConfigNode {
  const [, name = rest, fallback] = /^(.*?):-(.*)$/s.exec(rest) ?? [];
  checkEnvironmentName(name, expansion.place);
  const value = expansion.environment[name] ?? fallback;
  if (value !== undefined) return parseRetrieved(value, expansion);
  expansion.findings.warnings.push(
    `Configuration references unset environment variable "${name}" at ${expansion.place}`,
  );
  return { kind: 'scalar', value: null, place: expansion.place };
}

/** YAML gives numbers, booleans, lists and maps; text, and what is not YAML at all, is taken to the letter. */
function parseRetrieved(text: string, expansion: Expansion): ConfigNode {
  const problems: WeirError[] = [];
  const node = parseYaml(text, () => expansion.place, problems);
  if (problems.length > 0 || (node.kind === 'scalar' && typeof node.value === 'string')) {
    return expandText(text, expansion);
  }
  return { ...expandNode(node, expansion), text };
}
