/** What is said of the agent itself: its cluster and its node, on the resource, and the cluster on every row. */

import { type AttributeColumn, lazyColumn } from '../../core/table/dictionary.ts';
import { withColumns } from '../../core/table/endpoint-columns.ts';
import type { FlowTable } from '../../core/table/flow-table.ts';
import type { Resource } from '../../core/table/resource.ts';
import { ValueList } from '../../core/table/value-list.ts';

export interface Where {
  /** Undefined: not known. */
  readonly cluster: string | undefined;
  readonly node: string | undefined;
}

/** One a processor. What the resource says already stays: it was given on purpose. */
export function createOwnPlace(): (table: FlowTable, where: Where) => FlowTable {
  const clusters = new ValueList();
  /** Resources are told apart as objects, so each has one successor. */
  let resources = new WeakMap<Resource, Resource>();
  let last: Where = { cluster: undefined, node: undefined };

  function resourceAt(resource: Resource, { cluster, node }: Where): Resource {
    const known = resources.get(resource);
    if (known !== undefined) return known;
    const found = {
      ...(cluster === undefined ? {} : { 'k8s.cluster.name': cluster }),
      ...(node === undefined ? {} : { 'k8s.node.name': node }),
    };
    const placed = { attributes: { ...found, ...resource.attributes } };
    resources.set(resource, placed);
    return placed;
  }

  return (table, where) => {
    if (where.cluster !== last.cluster || where.node !== last.node) resources = new WeakMap();
    last = where;
    if (where.cluster === undefined && where.node === undefined) return table;
    const resource = resourceAt(table.resource, where);
    const cluster = resource.attributes['k8s.cluster.name'];
    if (cluster === undefined) return { ...table, resource };
    const code = clusters.code(cluster);
    const column: AttributeColumn = lazyColumn({ attribute: 'k8s.cluster.name', dictionary: clusters }, () =>
      new Uint32Array(table.rows).fill(code),
    );
    return { ...withColumns(table, [column]), resource };
  };
}
