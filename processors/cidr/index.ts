/** Says in which configured address range each end of a flow lies. */

import { defineProcessor, type Processor } from '../../core/component/define.ts';
import { ADDRESS_BYTES } from '../../core/table/address.ts';
import type { EndpointDimension } from '../../core/table/dimension.ts';
import { endpointOfAttribute, withEndpointAttribute } from '../../core/table/endpoint-columns.ts';
import { createPrefixTable } from '../../core/table/prefix-table.ts';
import { type CidrConfig, nameOf, problemsOf, schema } from './config.ts';

export default defineProcessor<CidrConfig>({
  type: 'cidr',
  stability: 'alpha',
  description: 'Names the configured address range in which each end of a flow lies.',
  needs: ['src.address', 'dst.address'],
  adds: ['src.cidr', 'dst.cidr'],
  consumes: 'flows',
  produces: 'same',
  config: schema,
  validate: problemsOf,
  create: ({ cidrs }) => createProcessor(cidrs),
});

function createProcessor(cidrs: CidrConfig['cidrs']): Processor {
  // As in Beyla: without ranges the attributes do not exist, and no default selection shows them.
  if (cidrs.length === 0) return { flows: (table) => [table] };
  const prefixes = createPrefixTable(cidrs.map(({ cidr }) => cidr));
  const names = cidrs.map(nameOf);
  const key = {};
  const placeOf = (endpoints: EndpointDimension, endpoint: number) =>
    prefixes.find(endpoints.addressBytes, endpoint * ADDRESS_BYTES);
  return {
    flows(table) {
      const { endpoints } = table.ends;
      const column = endpoints.derive(key, (endpoint) => names[placeOf(endpoints, endpoint)]);
      return [withEndpointAttribute(table, '{end}.cidr', column)];
    },
    explain: {
      source(table, row, attribute) {
        const endpoint = endpointOfAttribute(table, row, attribute);
        const place = endpoint === undefined ? -1 : placeOf(table.ends.endpoints, endpoint);
        const range = cidrs[place];
        return range && `range ${range.cidr.text} (cidrs::${place})`;
      },
    },
  };
}
