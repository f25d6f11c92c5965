/** The configuration of `cidr`: ranges, each with the value that its addresses get. */

import type { ConfigProblem } from '../../core/component/define.ts';
import { decodeBlock } from '../../core/config/block.ts';
import { text, wrongType } from '../../core/config/formats.ts';
import { prefixFormat, repeatedPrefixes } from '../../core/config/prefix-format.ts';
import { type ConfigSchema, type Format, FormatError, type FormatProblem } from '../../core/config/schema.ts';
import { type ConfigNode, treeOf } from '../../core/config/tree.ts';
import type { Prefix } from '../../core/table/prefix.ts';

export interface Range {
  readonly cidr: Prefix;
  /** Empty: the range as it was written. */
  readonly name: string;
}

export interface CidrConfig {
  readonly cidrs: readonly Range[];
}

const rangeSchema: ConfigSchema<Range> = {
  cidr: { doc: 'The range.', format: prefixFormat, default: null },
  name: { doc: 'The value that its addresses get.', format: text, default: '' },
};

/** What the addresses of a range get. */
export const nameOf = ({ cidr, name }: Range): string => (name === '' ? cidr.text : name);

/** Each item is a range or `{cidr, name}`; one text with commas between ranges does too, for variables. */
const ranges: Format<readonly Range[]> = Object.assign(
  (value: unknown, node = treeOf(value, '')): readonly Range[] => {
    if (node.kind === 'scalar' && typeof value === 'string') return listed(splitText(value));
    if (node.kind !== 'list') throw new FormatError(wrongType('slice', value, 'write a list: [10.0.0.0/8]'));
    return listed(node.items);
  },
  {
    text: true as const,
    print: (list: readonly Range[]) =>
      list.map(({ cidr, name }) => (name === '' ? cidr.text : { cidr: cidr.text, name })),
  },
);

const splitText = (value: string): readonly ConfigNode[] =>
  value === '' ? [] : value.split(',').map((item) => treeOf(item, ''));

function listed(nodes: readonly ConfigNode[]): readonly Range[] {
  const problems: FormatProblem[] = [];
  const list = nodes.map((node, place) => {
    const block = node.kind === 'scalar' ? blockOf(node) : node;
    const decoded = decodeBlock(rangeSchema, block);
    for (const { path = [], ...problem } of decoded.problems) {
      problems.push({ ...problem, path: [String(place), ...(block === node ? path : [])] });
    }
    return decoded.config;
  });
  if (problems.length > 0) throw new FormatError(...problems);
  return list;
}

/** A range that stands alone, as the block that it is short for. */
function blockOf(node: ConfigNode): ConfigNode {
  return { kind: 'map', entries: new Map([['cidr', node]]), place: node.place };
}

export const schema: ConfigSchema<CidrConfig> = {
  cidrs: {
    doc: 'Ranges, IPv4 or IPv6: each `10.0.0.0/8`, or `{cidr: 10.0.0.0/8, name: office}`. The narrowest that holds an address wins.',
    format: ranges,
    default: [],
  },
};

export function problemsOf({ cidrs }: CidrConfig): readonly ConfigProblem[] {
  return [
    ...repeatedPrefixes(
      cidrs.map(({ cidr }) => cidr),
      'cidrs',
    ),
    ...borrowedNames(cidrs),
  ];
}

/** A name that is the text of another range would make two ranges one. */
function borrowedNames(cidrs: readonly Range[]): readonly ConfigProblem[] {
  const unnamed = new Map(cidrs.flatMap(({ cidr, name }, place) => (name === '' ? [[cidr.text, place] as const] : [])));
  return cidrs.flatMap(({ name }, place): readonly ConfigProblem[] => {
    const other = unnamed.get(name);
    if (other === undefined) return [];
    const message = `the name "${name}" is also the value of the range at cidrs::${other}`;
    return [{ path: ['cidrs', String(place), 'name'], message, fix: 'give one of the two another name' }];
  });
}
