/**
 * Where the ends of flows are: zone and region of each endpoint, and what the two zones of a row say about it. The rules
 * of `scope` and of the inter-zone metric are here.
 */

import { ABSENT, lazyColumn, listDictionary } from './dictionary.ts';
import type { EndpointDimension } from './dimension.ts';
import { withColumns, withEndpointAttribute } from './endpoint-columns.ts';
import type { FlowTable } from './flow-table.ts';
import { valueAt } from './row-verdicts.ts';

export interface Place {
  readonly zone?: string;
  readonly region?: string;
}

export interface ZoneOptions {
  /** Undefined where nothing is known. */
  placeOf(endpoints: EndpointDimension, endpoint: number): Place | undefined;
  /** A flow with one known zone counts as one between zones, as in Beyla. */
  readonly countUnknown: boolean;
}

const scopes = ['unknown', 'same_zone', 'cross_zone', 'cross_region', 'external'] as const;
const scopeValues = listDictionary(scopes);
const [UNKNOWN, SAME_ZONE, CROSS_ZONE, CROSS_REGION, EXTERNAL] = [0, 1, 2, 3, 4] as const;

const interZoneValues = listDictionary([undefined, false, true]);
const [NOT_KNOWN, WITHIN, BETWEEN] = [0, 1, 2] as const;

/** The attributes that `createZones` adds. */
export const zoneAttributes = [
  'src.zone',
  'dst.zone',
  'src.region',
  'dst.region',
  'scope',
  'network.flow.inter_zone',
] as const;

/** What is known of each endpoint, as codes; ABSENT where nothing is. */
interface Facts {
  readonly zones: Uint32Array;
  readonly regions: Uint32Array;
  readonly publicAddresses: Uint32Array;
}

/** One a processor: adds the attributes above to a table. */
export function createZones({ placeOf, countUnknown }: ZoneOptions): (table: FlowTable) => FlowTable {
  const [zoneKey, regionKey] = [{}, {}];
  return (table) => {
    const { endpoints } = table.ends;
    const zones = endpoints.derive(zoneKey, (endpoint) => placeOf(endpoints, endpoint)?.zone);
    const regions = endpoints.derive(regionKey, (endpoint) => placeOf(endpoints, endpoint)?.region);
    const isPublic = endpoints.derive('public', (endpoint) => endpoints.kind(endpoint) === 'public' || undefined);
    const facts: Facts = { zones: zones.codes, regions: regions.codes, publicAddresses: isPublic.codes };
    const named = withEndpointAttribute(withEndpointAttribute(table, '{end}.zone', zones), '{end}.region', regions);
    return withColumns(named, [
      lazyColumn({ attribute: 'scope', dictionary: scopeValues }, () => scopesOf(table, facts)),
      lazyColumn({ attribute: 'network.flow.inter_zone', dictionary: interZoneValues }, () =>
        interZoneOf(table, facts, countUnknown),
      ),
    ]);
  };
}

function scopesOf({ rows, ends: { src, dst } }: FlowTable, facts: Facts): Uint8Array {
  const codes = new Uint8Array(rows);
  for (let row = 0; row < rows; row++) codes[row] = scopeOf(facts, src[row]!, dst[row]!);
  return codes;
}

/** Two zones of one name are different ones when their regions are. */
function scopeOf({ zones, regions, publicAddresses }: Facts, src: number, dst: number): number {
  const from = regions[src]!;
  const to = regions[dst]!;
  if (from !== ABSENT && to !== ABSENT && from !== to) return CROSS_REGION;
  if (zones[src] !== ABSENT && zones[dst] !== ABSENT) return zones[src] === zones[dst] ? SAME_ZONE : CROSS_ZONE;
  const srcOutside = publicAddresses[src] !== ABSENT && zones[src] === ABSENT && from === ABSENT;
  const dstOutside = publicAddresses[dst] !== ABSENT && zones[dst] === ABSENT && to === ABSENT;
  return srcOutside || dstOutside ? EXTERNAL : UNKNOWN;
}

function interZoneOf({ rows, ends: { src, dst } }: FlowTable, facts: Facts, countUnknown: boolean): Uint8Array {
  const { zones } = facts;
  const codes = new Uint8Array(rows);
  for (let row = 0; row < rows; row++) {
    const from = src[row]!;
    const to = dst[row]!;
    const fromKnown = zones[from] !== ABSENT;
    const toKnown = zones[to] !== ABSENT;
    if (fromKnown && toKnown) codes[row] = scopeOf(facts, from, to) === SAME_ZONE ? WITHIN : BETWEEN;
    else codes[row] = fromKnown !== toKnown && countUnknown ? BETWEEN : NOT_KNOWN;
  }
  return codes;
}

/**
 * A table whose zones came with its rows: whether a flow is one between zones is not among what is sent under every
 * preset, so it is told by the zones and by `scope`, which knows of regions.
 */
export function withInterZone(table: FlowTable): FlowTable {
  const [from, to, scope] = ['src.zone', 'dst.zone', 'scope'].map((name) => table.columns.get(name));
  if (from === undefined || to === undefined || table.columns.has('network.flow.inter_zone')) return table;
  const attribute = { attribute: 'network.flow.inter_zone', dictionary: interZoneValues };
  const column = lazyColumn(attribute, () =>
    Uint8Array.from({ length: table.rows }, (_, row) => {
      const zones = [valueAt(from, row), valueAt(to, row)];
      if (zones.includes(undefined)) return NOT_KNOWN;
      return zones[0] === zones[1] && valueAt(scope, row) !== 'cross_region' ? WITHIN : BETWEEN;
    }),
  );
  return withColumns(table, [column]);
}
