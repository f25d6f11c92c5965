/** What became of the flows that `weir explain` was asked about, over all windows. */

import type { AttributeValue } from '../table/dictionary.ts';
import { valueAt } from '../table/row-verdicts.ts';
import type { Fate, FollowedFlow, Step } from './followed-flow.ts';

export interface Selector {
  /** Name of the catalogue. */
  readonly attribute: string;
  matches(value: AttributeValue | undefined): boolean;
}

/** A flow in one pipeline, over all its windows. */
export interface FlowReport {
  readonly receiver: string;
  readonly pipeline: string;
  readonly given: ReadonlyMap<string, AttributeValue>;
  /** Of its last window. */
  readonly steps: readonly Step[];
  readonly fate: Fate;
  readonly windows: number;
  readonly bytes: number;
  readonly packets: number;
}

/** Flows that are reported on, in each pipeline. */
const MAX_REPORTED = 20;

/** Rows of one flow over the windows. */
const identity = ['src.address', 'src.port', 'dst.address', 'dst.port', 'transport', 'iface', 'iface.direction'];

export function createFlowReports(selectors: readonly Selector[], pipelines: number) {
  const reported = new Map<string, FlowReport>();
  const beyond = new Set<string>();
  return {
    /** A flow of one window, if it matches with what it was given on the way too. */
    add({ receiver, pipeline, given, steps, table, row }: FollowedFlow, fate: Fate): void {
      if (!selectors.every(({ attribute, matches }) => matches(valueAt(table.columns.get(attribute), row)))) return;
      const flow = JSON.stringify([receiver, ...identity.map((name) => given.get(name) ?? null)]);
      const key = `${pipeline} ${flow}`;
      const before = reported.get(key);
      if (before === undefined && reported.size >= MAX_REPORTED * pipelines) {
        beyond.add(flow);
        return;
      }
      reported.set(key, {
        receiver,
        pipeline,
        given,
        steps,
        fate,
        windows: (before?.windows ?? 0) + 1,
        bytes: (before?.bytes ?? 0) + table.measures.bytes[row]!,
        packets: (before?.packets ?? 0) + table.measures.packets[row]!,
      });
    },
    all: (): readonly FlowReport[] => [...reported.values()],
    /** Flows that match beyond those. */
    more: () => beyond.size,
  };
}
