/**
 * Writes the tables in the docs that say what the code already says: error codes, attributes, metrics, and the keys of
 * every component. Each stands between two markers in its Markdown file; what is around them is written by hand.
 *
 *   node scripts/generate-docs.ts            writes what is stale
 *   node scripts/generate-docs.ts --check    names it and writes nothing; run by `npm run check`
 */

import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { stringify } from 'yaml';
import { components } from '../components.ts';
import type { Component, ComponentKind } from '../core/component/define.ts';
import { type AnySchema, isProperty } from '../core/config/schema.ts';
import { errorCodes } from '../core/errors.ts';
import { attributes, type Condition } from '../core/table/attributes.ts';
import { flowMetrics } from '../core/table/metrics.ts';
import { type Block, table, withBlock } from './document-block.ts';

/** As the markers name it. */
const WRITER = 'scripts/generate-docs.ts';

const folderOfKind: Readonly<Record<ComponentKind, string>> = {
  receiver: 'receiver',
  processor: 'processors',
  exporter: 'exporters',
  extension: 'extensions',
};

const wordsOfCondition: Readonly<Record<Condition, string>> = {
  always: 'always',
  kubernetes: 'with Kubernetes',
  cidrs: 'where address ranges are named',
  deduper_none: 'where every interface counts a packet',
  carriers: 'where packets that carry a tunnel are flows',
};

const inCode = (text: string) => `\`${text}\``;

const blocks: readonly Block[] = [
  { path: 'docs/errors.md', name: 'errors', text: errorsText() },
  { path: 'docs/attributes.md', name: 'attributes', text: attributesText() },
  { path: 'docs/metrics.md', name: 'metrics', text: metricsText() },
  ...components.map((component) => ({
    path: `${folderOfKind[component.kind]}/${component.type}/README.md`,
    name: 'keys',
    text: keysText(component),
  })),
];

function errorsText(): string {
  return table(
    ['code', 'meaning'],
    Object.entries(errorCodes).map(([code, meaning]) => [inCode(code), meaning]),
  );
}

function attributesText(): string {
  const rows = attributes.map(({ names, level, type, cardinality, shown, description }) => [
    ...[names.beyla, names.obi, names.otel].map((name) => (name === null ? '' : inCode(name))),
    level,
    type,
    cardinality,
    Object.entries(shown)
      .map(([family, condition]) => `${family}: ${wordsOfCondition[condition]}`)
      .join('; '),
    description,
  ]);
  const heads = ['beyla', 'obi', 'otel', 'level', 'type', 'cardinality', 'shown by default', 'description'];
  const filled = components.flatMap((component) => {
    if (!('adds' in component) || component.adds.length === 0) return [];
    return [`${inCode(component.type)} fills ${component.adds.map(inCode).join(', ')}.`];
  });
  return [table(heads, rows), '', ...filled, 'Nothing in this build fills the others.'].join('\n');
}

function metricsText(): string {
  return table(
    ['beyla', 'obi', 'otel', 'unit', 'family', 'description'],
    flowMetrics.map(({ family, descriptors: { beyla, obi, otel } }) => {
      const { unit, description } = (beyla ?? obi ?? otel)!;
      const names = [beyla, obi, otel].map((descriptor) => (descriptor === null ? '' : inCode(descriptor.name)));
      return [...names, inCode(unit), family, description];
    }),
  );
}

export function keysText({ stability, aliases = {}, config }: Pick<Component, 'stability' | 'aliases' | 'config'>) {
  const spellings = Object.keys(aliases).map(inCode).join(', ');
  const accepted = spellings === '' ? '' : ` Also accepted as ${spellings}, with a warning.`;
  return [`Stability: ${stability}.${accepted}`, '', table(['key', 'default', 'meaning'], keyRows(config, []))].join(
    '\n',
  );
}

function keyRows(schema: AnySchema, path: readonly string[]): string[][] {
  return Object.entries(schema).flatMap(([key, node]) => {
    const here = [...path, key];
    if (!isProperty(node)) return keyRows(node, here);
    const { format, default: fallback, doc } = node;
    const below = format.block === undefined ? [] : keyRows(format.block, here);
    return [[inCode(here.join('.')), defaultText(fallback), doc], ...below];
  });
}

/** As a user would write it in the file. */
function defaultText(value: unknown): string {
  if (value === null) return 'required';
  return inCode(stringify(value, { collectionStyle: 'flow', flowCollectionPadding: false, lineWidth: 0 }).trim());
}

/** What the files below the root that are stale should hold, by path. */
export function staleDocuments(root: string): ReadonlyMap<string, string> {
  const documents = blocks.map((block) => {
    const text = readFileSync(join(root, block.path), 'utf8');
    return { path: block.path, text, fresh: withBlock(text, block, WRITER) };
  });
  return new Map(documents.filter(({ text, fresh }) => text !== fresh).map(({ path, fresh }) => [path, fresh]));
}

if (import.meta.main) {
  const { check } = parseArgs({ options: { check: { type: 'boolean', default: false } } }).values;
  const root = fileURLToPath(new URL('..', import.meta.url));
  const stale = staleDocuments(root);
  for (const [path, text] of stale) {
    if (!check) writeFileSync(join(root, path), text);
    console.log(check ? `${path} is stale: run \`node_modules/.bin/node scripts/generate-docs.ts\`` : `wrote ${path}`);
  }
  process.exitCode = check && stale.size > 0 ? 1 : 0;
}
