/** Where endpoints are, from one source of knowledge. `zone` asks its sources in order; the first that knows answers. */

import { ADDRESS_BYTES } from '../table/address.ts';
import type { EndpointDimension } from '../table/dimension.ts';
import type { LiveDimensions } from '../table/endpoint-columns.ts';
import type { Prefix } from '../table/prefix.ts';
import { createPrefixTable } from '../table/prefix-table.ts';
import type { Place } from '../table/zones.ts';

export interface ZoneSource {
  /** From what is known now; waits for nothing. */
  placeOf(endpoints: EndpointDimension, endpoint: number): Place | undefined;
  /** For `weir explain`, of an endpoint whose place it knows: where it knows that from. */
  explain?(endpoints: EndpointDimension, endpoint: number): string;
  /** Begins to learn; marks endpoints dirty from then on that have another place than before. */
  start?(dimensions: LiveDimensions): Promise<void>;
  /** The same for what is only heard of when it is asked for: called before each table. */
  look?(): void;
  /** Safe before start and when called twice. */
  stop?(): Promise<void>;
}

export interface PlacedPrefix {
  readonly cidr: Prefix;
  readonly place: Place;
}

/** The place of the narrowest range that holds the address. */
export function zonesOfPrefixes(ranges: readonly PlacedPrefix[]): ZoneSource {
  const prefixes = createPrefixTable(ranges.map(({ cidr }) => cidr));
  const rangeOf = (endpoints: EndpointDimension, endpoint: number) =>
    prefixes.find(endpoints.addressBytes, endpoint * ADDRESS_BYTES);
  return {
    placeOf: (endpoints, endpoint) => ranges[rangeOf(endpoints, endpoint)]?.place,
    explain(endpoints, endpoint) {
      const range = rangeOf(endpoints, endpoint);
      return `range ${ranges[range]?.cidr.text} (cidrs::${range})`;
    },
  };
}
