/** Which rows go on: by who their two ends are. */

import type { FilteredRows } from '../../core/component/define.ts';
import type { Identity } from '../../core/kubernetes/identity.ts';
import type { EndpointDimension } from '../../core/table/dimension.ts';
import type { FlowTable } from '../../core/table/flow-table.ts';
import { decisionTable, partRows } from '../../core/table/row-fates.ts';
import { placesOf, selectRows } from '../../core/table/select-rows.ts';
import type { FlowConfig } from './config.ts';

/** Kinds of endpoints. */
const UNKNOWN = 0;
const KNOWN = 1;
const KINDS = 2;

/** Fates of rows. */
const STAYS = 0;
const EXTERNAL = 1;

export interface Sorting {
  looked(dimension: EndpointDimension, endpoint: number, identity: Identity | undefined): void;
  /** The rows that go on, and those that do not. */
  sorted(table: FlowTable): readonly (FlowTable | FilteredRows)[];
}

export function createSorting({ drop_external }: Pick<FlowConfig, 'drop_external'>): Sorting {
  const kindsOf = new WeakMap<EndpointDimension, Uint8Array>();
  const decisions = decisionTable(KINDS, (src, dst) =>
    drop_external && (src === UNKNOWN || dst === UNKNOWN) ? EXTERNAL : STAYS,
  );

  function kindsIn(dimension: EndpointDimension): Uint8Array {
    const known = kindsOf.get(dimension);
    if (known !== undefined && known.length >= dimension.size) return known;
    const grown = new Uint8Array(Math.max(dimension.size, 2 * (known?.length ?? 0)));
    if (known !== undefined) grown.set(known);
    kindsOf.set(dimension, grown);
    return grown;
  }

  return {
    looked(dimension, endpoint, identity) {
      kindsIn(dimension)[endpoint] = identity === undefined ? UNKNOWN : KNOWN;
    },
    sorted(table) {
      const places = partRows(table, kindsIn(table.ends.endpoints), decisions);
      if (places === undefined) return [table];
      const filtered = placesOf(table, places[EXTERNAL]!);
      return [
        selectRows(table, places[STAYS]!),
        { kind: 'filtered', window: table.window, reason: 'rule', places: filtered },
      ];
    },
  };
}
