/**
 * Follows flows through the pipelines of a configuration, by looking at what each processor is given and what it gives
 * back: the pipelines run as they are, with their own processors, and only exporters are left out.
 */

import type { Consumer, FilterReason, FromFlows, HeldRows, Processor } from '../component/define.ts';
import type { ResolvedConfig } from '../config/types.ts';
import type { FlowTable } from '../table/flow-table.ts';
import type { MetricTable } from '../table/metric-table.ts';
import type { TimeWindow } from '../table/resource.ts';
import { valueAt } from '../table/row-verdicts.ts';
import { createFlowReports, type FlowReport, type Selector } from './flow-reports.ts';
import { type FollowedFlow, type MetricStage, measure, pass, valuesOfRow } from './followed-flow.ts';
import { leavesMetrics } from './order.ts';
import { withoutExporters } from './without-exporters.ts';

export interface Following {
  /** To be run in the place of the configuration. */
  readonly config: ResolvedConfig;
  reports(): readonly FlowReport[];
  /** Flows that match beyond those that are reported. */
  more(): number;
  /** Rows that receivers handed over. */
  rowsSeen(): number;
  /** Rows that may match and were too many to follow. */
  notFollowed(): number;
}

/** Rows of one table that are followed; what a selector does not tell at the receiver, many rows may turn out to be. */
const MAX_FOLLOWED = 10_000;
/** Windows that a processor may hold rows of. */
const MAX_WINDOWS = 64;

/** What happens during one call of a receiver. */
interface Passage {
  readonly touched: Set<FollowedFlow>;
  readonly made: Map<string, MetricTable[]>;
  readonly stages: Map<string, MetricStage[]>;
  readonly left: Map<string, readonly MetricTable[]>;
}

/** By pipeline, then by place in the receiver's table. */
type OfWindow = ReadonlyMap<string, Map<number, FollowedFlow>>;

export function followFlows(config: ResolvedConfig, selectors: readonly Selector[]): Following {
  const windows = new Map<TimeWindow, OfWindow>();
  const reports = createFlowReports(selectors, config.pipelines.length);
  let rowsSeen = 0;
  let notFollowed = 0;
  let passage: Passage | undefined;

  function begin(receiver: string, table: FlowTable): Passage {
    rowsSeen += table.rows;
    const pipelines = config.pipelines.filter(({ receivers }) => receivers.includes(receiver)).map(({ id }) => id);
    const early = selectors.filter(({ attribute }) => table.columns.has(attribute));
    const ofWindow = new Map(pipelines.map((id) => [id, new Map<number, FollowedFlow>()]));
    const touched = new Set<FollowedFlow>();
    for (let row = 0, followed = 0; row < table.rows; row++) {
      if (!early.every(({ attribute, matches }) => matches(valueAt(table.columns.get(attribute), row)))) continue;
      if (followed === MAX_FOLLOWED) {
        notFollowed++;
        continue;
      }
      followed++;
      const given = valuesOfRow(table, row);
      for (const [pipeline, flows] of ofWindow) {
        const flow = { receiver, pipeline, given, steps: [], table, row, fate: undefined };
        flows.set(row, flow);
        touched.add(flow);
      }
    }
    windows.set(table.window, ofWindow);
    for (const window of windows.keys()) if (windows.size > MAX_WINDOWS) windows.delete(window);
    return { ...createPassage(), touched };
  }

  const flowsIn = (pipeline: string, { window }: FlowTable) => windows.get(window)?.get(pipeline);

  /** What a processor made of a table; of rows that it holds back, what it makes of them later is followed as well. */
  function step(at: Place, table: FlowTable, made: readonly FromFlows[]): readonly FromFlows[] {
    const { pipeline, id, explain } = at;
    const flows = flowsIn(pipeline, table);
    const out = new Set<FollowedFlow>();
    const touch = (flow: FollowedFlow | undefined, change: (flow: FollowedFlow) => void) => {
      if (flow === undefined || out.has(flow)) return;
      out.add(flow);
      passage?.touched.add(flow);
      change(flow);
    };
    for (const one of made) {
      if (one.kind === 'metric') append(passage?.made, pipeline, one);
      else if (one.kind === 'filtered') {
        for (const place of one.places) {
          touch(flows?.get(place), (flow) => {
            const reason = explain?.reason?.(flow.table, flow.row) ?? wordsOfReason[one.reason];
            flow.fate = { kind: 'dropped', processor: id, reason };
          });
        }
      } else if (one.kind === 'held') {
        eachPlace(one.table, (place) =>
          touch(flows?.get(place), (flow) => {
            flow.fate = { kind: 'held', processor: id };
          }),
        );
      } else {
        const own = flowsIn(pipeline, one);
        eachPlace(one, (place, row) =>
          touch(own?.get(place), (flow) => {
            flow.fate = undefined;
            pass(flow, id, explain, one, row);
          }),
        );
      }
    }
    const waits = !at.leavesMetrics;
    eachPlace(table, (place) =>
      touch(flows?.get(place), (flow) => {
        if (waits) flow.fate = { kind: 'held', processor: id };
      }),
    );
    return made.map((one) => (one.kind === 'held' ? { ...one, release: () => released(at, one) } : one));
  }

  /** Mostly between two calls of receivers: what the rest of the pipeline does with the rows is a passage of its own. */
  function released(at: Place, { table, release }: HeldRows): readonly FromFlows[] {
    if (passage === undefined) {
      const own = createPassage();
      passage = own;
      // The pipeline runs on to its end before anything else does.
      queueMicrotask(() => {
        if (passage === own) passage = undefined;
        finish(own);
      });
    }
    return step(at, table, release());
  }

  function finish({ touched, made, stages, left }: Passage): void {
    for (const flow of touched) {
      const { pipeline } = flow;
      const own = stages.get(pipeline) ?? [];
      // Where no processor makes metrics, they are there before the first one that works on them, or at the end.
      const metrics = made.get(pipeline) ?? own[0]?.before ?? left.get(pipeline) ?? [];
      flow.fate ??= measure(flow, metrics, own);
      if (flow.fate.kind !== 'held') reports.add(flow, flow.fate);
    }
    for (const [window, ofWindow] of windows) {
      const held = flowsOf(ofWindow).some(({ fate }) => fate?.kind === 'held');
      if (!held) windows.delete(window);
    }
  }

  function followed(receiver: string, consumer: Consumer): Consumer {
    return {
      ...consumer,
      consume(given, onSettled) {
        // A window of its own: by it the rows are found again, however long a processor holds them.
        const table = { ...given, window: { ...given.window } };
        passage = begin(receiver, table);
        try {
          return consumer.consume(table, onSettled);
        } finally {
          finish(passage);
          passage = undefined;
        }
      },
    };
  }

  function watched(at: Omit<Place, 'explain'>, processor: Processor): Processor {
    const { flows, metrics, explain, held } = processor;
    const place = { ...at, explain };
    return {
      ...(flows && {
        flows(table: FlowTable) {
          return step(place, table, flows.call(processor, table));
        },
      }),
      ...(metrics && {
        metrics(before: readonly MetricTable[]) {
          const after = metrics.call(processor, before);
          // Points that it holds are those of later windows, too: it takes none out for good.
          if (held === undefined) append(passage?.stages, at.pipeline, { processor: at.id, explain, before, after });
          return after;
        },
      }),
      ...(held && { held }),
      start: async () => processor.start?.(),
      stop: async () => processor.stop?.(),
    };
  }

  const receivers = config.receivers.map((one) => {
    const { definition } = one;
    const create: typeof definition.create = (block, host, consumer) =>
      definition.create(block, host, followed(one.id, consumer));
    return { ...one, definition: { ...definition, create } };
  });
  const processors = config.processors.map((one) => {
    const { definition } = one;
    const create: typeof definition.create = (block, host) => {
      const at = { pipeline: host.pipeline ?? '', id: one.id, leavesMetrics: leavesMetrics(one) };
      return watched(at, definition.create(block, host));
    };
    return { ...one, definition: { ...definition, create } };
  });
  return {
    config: withoutExporters({ ...config, receivers, processors }, ({ id }, tables) => passage?.left.set(id, tables)),
    reports() {
      for (const flow of [...windows.values()].flatMap(flowsOf))
        if (flow.fate?.kind === 'held') reports.add(flow, flow.fate);
      windows.clear();
      return reports.all();
    },
    more: reports.more,
    rowsSeen: () => rowsSeen,
    notFollowed: () => notFollowed,
  };
}

/** Where the processor itself has nothing to say. */
const wordsOfReason: Readonly<Record<FilterReason, string>> = {
  rule: 'its configuration says so',
  counted_elsewhere: 'the agent of another node reports it',
};

/** A processor in its pipeline. */
interface Place {
  readonly pipeline: string;
  readonly id: string;
  readonly leavesMetrics: boolean;
  readonly explain: Processor['explain'];
}

const createPassage = (): Passage => ({ touched: new Set(), made: new Map(), stages: new Map(), left: new Map() });

const flowsOf = (ofWindow: OfWindow) => [...ofWindow.values()].flatMap((flows) => [...flows.values()]);

/** Each row of a table with its place in the receiver's. */
function eachPlace({ rows, places }: FlowTable, visit: (place: number, row: number) => void): void {
  for (let row = 0; row < rows; row++) visit(places?.[row] ?? row, row);
}

function append<Item>(lists: Map<string, Item[]> | undefined, key: string, item: Item): void {
  const list = lists?.get(key);
  if (list === undefined) lists?.set(key, [item]);
  else list.push(item);
}
