/**
 * Where configuration comes from: `--config` URIs (a path, `file:`, `yaml:`, `env:`) and `--set key=value`, read and
 * merged in that order. References inside values are expand.ts.
 */

import { readFileSync } from 'node:fs';
import { WeirError } from '../errors.ts';
import type { Findings } from './findings.ts';
import { type ConfigNode, isNull, merge, pathDelimiter } from './tree.ts';
import { type PlaceOf, parseYaml } from './yaml.ts';

export interface ConfigSources {
  /** `--config`, in order; later ones win. */
  readonly uris: readonly string[];
  /** `--set a.b=c`, in order; they win over every `--config`. */
  readonly sets?: readonly string[];
  /** Default: the variables of this process. */
  readonly environment?: Readonly<Record<string, string | undefined>>;
}

/** What a URI of `--config` or a reference inside a value may start with. */
export const sourceSchemes = ['env', 'file', 'yaml'] as const;

/** `scheme:rest`; one letter before the colon is a Windows drive and not a scheme. */
export function splitUri(uri: string): { readonly scheme: string | undefined; readonly rest: string } {
  const [, scheme, rest] = /^([A-Za-z][A-Za-z0-9+.-]+):(.*)$/s.exec(uri) ?? [];
  return { scheme, rest: rest ?? uri };
}

const sourceError = (message: string, place: string, fix: string) =>
  new WeirError('config/source', message, { place, fix });

export function readTextFile(path: string, place: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (cause) {
    throw new WeirError('config/source', `unable to read the file ${path}: ${(cause as Error).message}`, {
      place,
      fix: 'check the path and the permissions of the file',
      cause,
    });
  }
}

const environmentName = /^[a-zA-Z_][a-zA-Z0-9_]*$/;

export function checkEnvironmentName(name: string, place: string): void {
  if (environmentName.test(name)) return;
  const message = `environment variable "${name}" has invalid name: must match regex ${environmentName.source}`;
  throw sourceError(message, place, 'letters, digits and underscores only');
}

interface Retrieved {
  readonly text: string;
  readonly placeOf: PlaceOf;
}

function retrieve(uri: string, environment: NonNullable<ConfigSources['environment']>): Retrieved {
  const { scheme, rest } = splitUri(uri);
  const linesOf =
    (name: string): PlaceOf =>
    (line, column) =>
      `${name}:${line}:${column}`;
  switch (scheme) {
    case undefined:
    case 'file':
      return { text: readTextFile(rest, `--config ${uri}`), placeOf: linesOf(rest) };
    case 'yaml':
      return { text: rest, placeOf: linesOf('yaml') };
    case 'env': {
      checkEnvironmentName(rest, `--config ${uri}`);
      return { text: environment[rest] ?? '', placeOf: linesOf(uri) };
    }
    default:
      throw sourceError(
        `unsupported scheme on URI "${uri}"`,
        `--config ${uri}`,
        'give a path, or a URI that starts with file:, yaml: or env:',
      );
  }
}

function parseSet(set: string, problems: WeirError[]): ConfigNode | undefined {
  const equals = set.indexOf('=');
  if (equals < 1) {
    const details = { place: `--set ${set}`, fix: 'write --set path.to.key=value' };
    problems.push(new WeirError('cli/usage', 'missing equal sign', details));
    return undefined;
  }
  // The value may be a secret: it is not in the place.
  const place = `--set ${set.slice(0, equals)}`;
  const keys = set.slice(0, equals).split('.').join(pathDelimiter);
  return parseYaml(`${JSON.stringify(keys)}: ${set.slice(equals + 1)}`, () => place, problems);
}

function parseUri(uri: string, environment: NonNullable<ConfigSources['environment']>, findings: Findings) {
  const { text, placeOf } = retrieve(uri, environment);
  const node = parseYaml(text, placeOf, findings.problems);
  if (node.kind === 'map' || isNull(node)) return node;
  const type = node.kind === 'list' ? '[]interface {}' : typeof node.value;
  throw new WeirError('config/yaml', `retrieved value (type=${type}) cannot be used as a Conf`, {
    place: node.place,
    fix: 'the top level of a configuration is a map: receivers, processors, exporters, service',
  });
}

/** Reads and merges all sources; undefined when they are empty. Problems go to the findings. */
export function readSources(sources: ConfigSources, findings: Findings): ConfigNode | undefined {
  const nodes: (ConfigNode | undefined)[] = [];
  for (const uri of sources.uris) {
    try {
      nodes.push(parseUri(uri, sources.environment ?? process.env, findings));
    } catch (error) {
      if (!(error instanceof WeirError)) throw error;
      findings.problems.push(error);
    }
  }
  for (const set of sources.sets ?? []) nodes.push(parseSet(set, findings.problems));
  const filled = nodes.filter((node) => node !== undefined && !isNull(node)) as ConfigNode[];
  if (filled.length === 0) return undefined;
  return filled.reduce((earlier, later) =>
    merge(earlier, later, (lost, kept, path) =>
      findings.warnings.push(
        `${path.join(pathDelimiter)}: the list at ${lost.place} is replaced by the one at ${kept.place}`,
      ),
    ),
  );
}
