/** The configuration of `zone`: what is known about places, and what counts as a flow between zones. */

import type { ConfigProblem } from '../../core/component/define.ts';
import { listOf } from '../../core/config/block.ts';
import { oneOf, text } from '../../core/config/formats.ts';
import { prefixFormat, repeatedPrefixes } from '../../core/config/prefix-format.ts';
import { type ConfigSchema, type Format, FormatError } from '../../core/config/schema.ts';
import type { ConfigNode } from '../../core/config/tree.ts';
import type { Prefix } from '../../core/table/prefix.ts';
import type { Cloud } from '../../core/zones/metadata.ts';

interface ZoneRange {
  readonly cidr: Prefix;
  readonly zone: string;
  /** Empty: not known. */
  readonly region: string;
}

export interface ZoneConfig {
  readonly node_labels: { readonly zone: string; readonly region: string };
  readonly cidrs: readonly ZoneRange[];
  readonly cloud: 'off' | 'auto' | Cloud;
  readonly unknown_zones: 'ignore' | 'count';
}

const zoneName: Format<string> = Object.assign(
  (value: unknown, node?: ConfigNode) => {
    const name = text(value, node);
    if (name === '')
      throw new FormatError({ message: 'requires a non-empty "zone"', fix: 'name the zone of the range' });
    return name;
  },
  { text: true as const },
);

export const schema: ConfigSchema<ZoneConfig> = {
  node_labels: {
    zone: {
      doc: 'Label of Kubernetes nodes that has their zone; empty with the next: no labels are read.',
      format: text,
      default: 'topology.kubernetes.io/zone',
    },
    region: {
      doc: 'Label of Kubernetes nodes that has their region.',
      format: text,
      default: 'topology.kubernetes.io/region',
    },
  },
  cidrs: {
    doc: 'Places of ranges, each `{cidr: 10.1.0.0/16, zone: eu-west-1a, region: eu-west-1}`, the region if it is known. The narrowest range that holds an address wins.',
    format: listOf<ZoneRange>({
      cidr: { doc: 'The range.', format: prefixFormat, default: null },
      zone: { doc: 'Zone of its addresses.', format: zoneName, default: null },
      region: { doc: 'Region of the zone.', format: text, default: '' },
    }),
    default: [],
  },
  cloud: {
    doc: "Where this node's own addresses are, asked of the cloud's metadata service: `off`, `aws`, `gcp`, `azure`, or `auto`: the first of them, in this order, that answers.",
    format: oneOf('off', 'auto', 'aws', 'gcp', 'azure'),
    default: 'off',
  },
  unknown_zones: {
    doc: 'Whether a flow with one known zone counts as one between zones: `ignore`, or `count`, which is what Beyla does.',
    format: oneOf('ignore', 'count'),
    default: 'ignore',
  },
};

export function problemsOf({ cidrs }: ZoneConfig): readonly ConfigProblem[] {
  return repeatedPrefixes(
    cidrs.map(({ cidr }) => cidr),
    'cidrs',
  );
}
