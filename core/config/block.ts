/**
 * One block of configuration against its schema. The walk here does what convict cannot do with a place or at all
 * (unknown keys that hold dots, scalars where a section belongs, null sections); convict does formats and defaults.
 */

import convict from 'convict';
import { wrongType } from './formats.ts';
import {
  type AnySchema,
  type ConfigSchema,
  type Format,
  FormatError,
  type FormatProblem,
  isProperty,
  type Property,
} from './schema.ts';
import { suggestionFor } from './suggest.ts';
import { type ConfigNode, isNull, plainValue, treeOf } from './tree.ts';

export interface DecodedBlock<Config> {
  /** Not to be run when there are problems: where a value is refused its default stands, for checks of what else there is. */
  readonly config: Config;
  /** Every key has a value; false when the default of a refused one is none either. */
  readonly isComplete: boolean;
  readonly problems: readonly BlockProblem[];
}

export interface BlockProblem extends FormatProblem {
  /** The key of the schema whose value is refused, or that it does not have; `path` may lead further in. */
  readonly key: string;
}

/**
 * convict turns strings into the type of a default ("7x" becomes 7) and looks into objects for dotted paths, but leaves
 * arrays alone: so every value travels through it in an array of one.
 */
type Boxed = [{ readonly value: unknown; readonly node?: ConfigNode }];
type BoxedBlock = { [key: string]: Boxed | BoxedBlock };

/** Reads a block; undefined and null take every default. Every problem is reported, with its path below the block. */
export function decodeBlock<Config>(schema: ConfigSchema<Config>, node: ConfigNode | undefined): DecodedBlock<Config> {
  const problems: BlockProblem[] = [];
  const delivered: Record<string, unknown> = {};
  const without: BlockProblem[] = [];
  const boxed = box(schema as AnySchema, node, [], problems);
  convict(convictSchema(schema as AnySchema, [], delivered, { problems, without }), { env: {}, args: [] })
    .load(boxed)
    .validate({ allowed: 'strict' });
  return { config: delivered as Config, isComplete: without.length === 0, problems };
}

function box(
  schema: AnySchema,
  node: ConfigNode | undefined,
  path: readonly string[],
  problems: BlockProblem[],
): BoxedBlock {
  const boxed: BoxedBlock = {};
  if (node === undefined || isNull(node)) return boxed;
  if (node.kind !== 'map') {
    const fix = `known keys: ${Object.keys(schema).join(', ')}`;
    problems.push({ ...wrongType('map', plainValue(node, false), fix, path), key: path.at(-1) ?? '' });
    return boxed;
  }
  for (const [key, child] of node.entries) {
    const known = Object.hasOwn(schema, key) ? schema[key] : undefined;
    if (known === undefined) {
      const fix = suggestionFor(key, Object.keys(schema), 'keys');
      problems.push({
        message: `has invalid keys: ${key}`,
        path: [...path, key],
        key,
        code: 'config/unknown-key',
        fix,
      });
    } else if (!isProperty(known)) {
      boxed[key] = box(known, child, [...path, key], problems);
    } else if (!isNull(child) || known.format.takesNull === true) {
      boxed[key] = [{ value: plainValue(child, known.format.text === true), node: child }];
    }
  }
  return boxed;
}

interface Refused {
  readonly problems: BlockProblem[];
  /** Of defaults that could not stand in the place of a refused value. */
  readonly without: BlockProblem[];
}

/** The schema for convict: boxed defaults, and formats that put what they deliver in place and keep what they refuse. */
function convictSchema(
  schema: AnySchema,
  path: readonly string[],
  target: Record<string, unknown>,
  refused: Refused,
): convict.Schema<object> {
  const entries = Object.entries(schema).map(([key, known]) => {
    if (!isProperty(known)) {
      const section: Record<string, unknown> = {};
      target[key] = section;
      return [key, convictSchema(known, [...path, key], section, refused)];
    }
    const put = (value: unknown, node: ConfigNode | undefined, problems: BlockProblem[]): boolean => {
      try {
        target[key] = deliver(key, known, value, node);
        return true;
      } catch (error) {
        if (!(error instanceof FormatError)) throw error;
        for (const problem of error.problems)
          problems.push({ ...problem, path: [...path, key, ...(problem.path ?? [])], key });
        return false;
      }
    };
    const format = ([{ value, node }]: Boxed) => {
      if (!put(value, node, refused.problems)) put(known.default, undefined, refused.without);
    };
    return [key, { doc: known.doc, format, default: [{ value: known.default }] satisfies Boxed }];
  });
  return Object.fromEntries(entries);
}

function deliver(key: string, { format, default: fallback }: Property<unknown>, value: unknown, node?: ConfigNode) {
  if (value === null && fallback === null) {
    throw new FormatError({ message: `requires a non-empty "${key}"`, code: 'config/missing', fix: `set ${key}` });
  }
  return format(value, node);
}

/** A map with keys of the user's choice whose values all have this schema. Delivers a Map in the order of the file. */
export function keyedMapOf<Entry>(schema: ConfigSchema<Entry>): Format<ReadonlyMap<string, Entry>> {
  const read = (value: unknown, node = treeOf(value, '')): ReadonlyMap<string, Entry> => {
    if (node.kind !== 'map') throw new FormatError(wrongType('map', value, 'write {key: value}'));
    return new Map(decodeAll([...node.entries], schema));
  };
  const print = (entries: ReadonlyMap<string, Entry>) =>
    Object.fromEntries([...entries].map(([key, entry]) => [key, printBlock(schema, entry)]));
  return Object.assign(read, { print });
}

/** A list of blocks that all have this schema. Delivers an array. */
export function listOf<Entry>(schema: ConfigSchema<Entry>): Format<readonly Entry[]> {
  const read = (value: unknown, node = treeOf(value, '')): readonly Entry[] => {
    if (node.kind !== 'list') throw new FormatError(wrongType('slice', value, 'write a list'));
    const entries = node.items.map((item, index) => [String(index), item] as const);
    return decodeAll(entries, schema).map(([, entry]) => entry);
  };
  return Object.assign(read, {
    print: (entries: readonly Entry[]) => entries.map((entry) => printBlock(schema, entry)),
  });
}

/** A block that is there or not: its key alone switches it on with every default, `false` off. Delivers null for off. */
export function optionalBlock<Entry>(schema: ConfigSchema<Entry>): Format<Entry | null> {
  const read = (value: unknown, node = treeOf(value, '')): Entry | null => {
    if (value === false) return null;
    const { config, problems } = decodeBlock(schema, node);
    if (problems.length > 0) throw new FormatError(...problems);
    return config;
  };
  const print = (entry: Entry | null) => (entry === null ? false : printBlock(schema, entry));
  return Object.assign(read, { takesNull: true as const, print, block: schema as AnySchema });
}

function decodeAll<Entry>(
  nodes: readonly (readonly [string, ConfigNode])[],
  schema: ConfigSchema<Entry>,
): readonly (readonly [string, Entry])[] {
  const problems: FormatProblem[] = [];
  const entries = nodes.map(([key, node]) => {
    const decoded = decodeBlock(schema, node);
    for (const problem of decoded.problems) problems.push({ ...problem, path: [key, ...(problem.path ?? [])] });
    return [key, decoded.config] as const;
  });
  if (problems.length > 0) throw new FormatError(...problems);
  return entries;
}

/** A delivered block as a user would write it, secrets redacted. */
export function printBlock<Config>(schema: ConfigSchema<Config>, config: Config): Record<string, unknown> {
  return printSection(schema as AnySchema, config as Record<string, unknown>);
}

function printSection(schema: AnySchema, config: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const entries = Object.entries(schema).map(([key, known]) => {
    const value = config[key];
    if (!isProperty(known)) return [key, printSection(known, value as Record<string, unknown>)];
    return [key, known.format.print === undefined ? value : known.format.print(value)];
  });
  return Object.fromEntries(entries);
}
