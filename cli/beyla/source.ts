/**
 * What a user of Beyla or OBI configured: a YAML file, whose `${VAR}` are put in as text as Beyla does, and variables of
 * the environment, which win. Knows which options somebody asked for, and so which are left.
 */

import { type ConfigNode, plainValue } from '../../core/config/tree.ts';
import { parseYaml } from '../../core/config/yaml.ts';
import type { WeirError } from '../../core/errors.ts';

type Environment = Readonly<Record<string, string | undefined>>;

/** A value and where it stands. */
export interface Found {
  readonly value: unknown;
  /** `network.cidrs`, or the name of the variable. */
  readonly option: string;
  /** `beyla.yml:3:5`, or `environment`. */
  readonly place: string;
}

export interface BeylaSource {
  /** The value at a path of keys joined by dots; of several variables the first that is set wins over the file. */
  find(path: string, ...variables: readonly string[]): Found | undefined;
  /** Visits what nobody asked for, from the outside in; `enter` says whether to look inside a map. */
  visitLeft(visit: (option: Found) => 'enter' | 'done'): void;
  /** Variables of Beyla and OBI that nobody asked for. */
  variablesLeft(): readonly string[];
  /** A variable of Beyla or OBI is set, and under which prefix. */
  readonly prefixes: ReadonlySet<'BEYLA_' | 'OTEL_EBPF_'>;
}

/**
 * `${VAR}`, `${env:VAR}` and `${VAR:-default}`, before anything is parsed; an empty variable takes the default, and
 * `$${VAR}` stands for itself.
 */
export function expandVariables(text: string, environment: Environment, onUnset: (name: string) => void): string {
  return text.replace(/(\$?)\$\{(?:env:)?(\w+)(:-([^}]*))?\}/g, (whole, dollar, name, hasDefault, fallback) => {
    if (dollar !== '') return whole.slice(1);
    const value = environment[name];
    if (value) return value;
    if (value === undefined && hasDefault === undefined) onUnset(name);
    return fallback ?? '';
  });
}

/** Problems of the YAML are added to the list; then the source is not to be used. */
export function readBeyla(
  file: { readonly name: string; readonly text: string } | undefined,
  environment: Environment,
  problems: WeirError[],
): BeylaSource {
  const tree = file && parseYaml(file.text, (line, column) => `${file.name}:${line}:${column}`, problems);
  const variables = obiVariables(environment);
  const asked = new Set<string>();
  const askedVariables = new Set<string>();

  function nodeAt(path: string): ConfigNode | undefined {
    let node = tree;
    for (const key of path.split('.')) node = node?.kind === 'map' ? node.entries.get(key) : undefined;
    return node;
  }

  return {
    prefixes: new Set([...variables.values()].map(({ prefix }) => prefix)),
    find(path, ...names) {
      asked.add(path);
      for (const name of names) {
        askedVariables.add(name);
        // Without a prefix of its own it is a variable of OpenTelemetry.
        const own = variables.get(name) ?? { variable: name, value: environment[name] };
        if (own.value) return { value: literal(own.value), option: own.variable, place: 'environment' };
      }
      const node = nodeAt(path);
      if (node === undefined || (node.kind === 'scalar' && node.value === null)) return undefined;
      return { value: literal(plainValue(node, false)), option: path, place: node.place };
    },
    visitLeft(visit) {
      const walk = (node: ConfigNode, path: string) => {
        if (node.kind !== 'map') return;
        for (const [key, child] of node.entries) {
          const below = path === '' ? key : `${path}.${key}`;
          if (asked.has(below)) continue;
          const left = visit({ value: plainValue(child, false), option: below, place: child.place });
          if (left === 'enter') walk(child, below);
        }
      };
      if (tree !== undefined) walk(tree, '');
    },
    variablesLeft: () =>
      [...variables].flatMap(([name, { variable, value }]) => (value && !askedVariables.has(name) ? [variable] : [])),
  };
}

/** What a collector reads as this very value: it takes `$$` for a dollar sign and `${` for a reference. */
function literal(value: unknown): unknown {
  if (typeof value === 'string') return value.replace(/\$(?=[${])/g, () => '$$');
  if (Array.isArray(value)) return value.map(literal);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, literal(item)]));
}

/**
 * By the name that OBI has for them behind its prefix: `BEYLA_NETWORK_CIDRS` and `OTEL_EBPF_NETWORK_CIDRS` are
 * `NETWORK_CIDRS`, and so is Beyla's `BEYLA_OTEL_METRICS_FEATURES` without its `OTEL_`. OBI's own spelling wins.
 */
function obiVariables(environment: Environment) {
  const found = new Map<string, { variable: string; value: string | undefined; prefix: 'BEYLA_' | 'OTEL_EBPF_' }>();
  for (const [variable, value] of Object.entries(environment)) {
    const [, prefix, name] = /^(OTEL_EBPF_|BEYLA_(?:OTEL_)?)(\w+)$/.exec(variable) ?? [];
    if (name === undefined) continue;
    const own = prefix === 'OTEL_EBPF_' ? 'OTEL_EBPF_' : 'BEYLA_';
    const before = found.get(name);
    if (before?.value && (own === 'BEYLA_' || !value)) continue;
    found.set(name, { variable, value, prefix: own });
  }
  return found;
}

/** A list, or a text with commas as variables have it. */
export function listOf(found: Found | undefined): readonly string[] {
  if (found === undefined) return [];
  const items = Array.isArray(found.value) ? found.value : String(found.value).split(',');
  return items.map((item) => String(item).trim()).filter((item) => item !== '');
}

export const textOf = (found: Found | undefined): string => (found === undefined ? '' : String(found.value));

export const isTrue = (found: Found | undefined): boolean => ['true', '1', 't'].includes(textOf(found).toLowerCase());

/** A number where the text is one, else the value as it is: what it should be, the validation says. */
export function scalarOf({ value }: Found): unknown {
  return typeof value === 'string' && /^\d+$/.test(value) ? Number(value) : value;
}
