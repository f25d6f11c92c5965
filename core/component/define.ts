/**
 * What a component is: a type name, a configuration schema, what columns it needs and adds, and one `create` function.
 * The framework does validation, lifecycle, telemetry, docs and the contract test from this declaration.
 */

// long: all that the author of a component meets is on one page

import type { ConfigSchema } from '../config/schema.ts';
import type { PipelineConfig } from '../config/types.ts';
import type { Attribute } from '../table/attributes.ts';
import type { FlowTable } from '../table/flow-table.ts';
import type { MetricTable } from '../table/metric-table.ts';
import type { LeavingTable, ResourceMetricsTable } from '../table/resource-metrics.ts';
import type { Clock } from '../telemetry/clock.ts';
import type { Logger } from '../telemetry/log.ts';
import type { MetricRegistry } from '../telemetry/metrics.ts';
import type { OperationReports } from '../telemetry/operations.ts';

export type ComponentKind = 'receiver' | 'processor' | 'exporter' | 'extension';
export type Stability = 'development' | 'alpha' | 'beta' | 'stable';

/** What the framework hands to every instance. */
export interface Host {
  /** `type` or `type/name` as the configuration has it, after aliases. */
  readonly id: string;
  /** Of a processor: the pipeline that this instance stands in. */
  readonly pipeline?: string;
  readonly logger: Logger;
  readonly metrics: MetricRegistry;
  readonly clock: Clock;
  /** This build, for user agents, scopes and resources. */
  readonly build: { readonly command: string; readonly version: string; readonly description?: string };
}

/**
 * What became of tables behind the pipelines, worst first: an exporter was stopped before it knew; an exporter gave some
 * up, and has counted them as failed; every exporter that took some was told that they arrived.
 */
export type Settlement = 'interrupted' | 'given_up' | 'delivered';

interface Lifecycle {
  /** Acquire what is needed; a rejection stops the whole start. Called once: extensions, exporters, receivers last. */
  start?(): Promise<void>;
  /** Give everything back. Must be safe before start and when called twice. Receivers first, extensions last. */
  stop?(): Promise<void>;
}

/**
 * What a receiver pushes into. Ask before you take: collect only when `hasRoom()`, then call `consume` exactly once;
 * nothing behind it refuses.
 */
export interface Consumer {
  /** True when at least one exporter behind this receiver can take one more table. */
  hasRoom(): boolean;
  /** Resolves as soon as `hasRoom()` may be true again, or when the signal aborts. */
  waitForRoom(signal: AbortSignal): Promise<void>;
  /**
   * Runs every pipeline of this receiver over the table, to the queues of the exporters. Synchronous. Throws only when
   * a processor failed in every pipeline: then the table is lost, and the receiver says so in its ledger. Unless it
   * throws, it calls back once, at the latest when the exporters have stopped, with the worst that became of the table.
   * A pipeline that failed has no say in what it returns; undefined: every row was taken by a pipeline.
   */
  consume(table: FlowTable, onSettled?: (settlement: Settlement) => void): NotTaken | undefined;
  /**
   * The same with metrics that are no flows, those of one request: one room for all of them. Throws only when a processor
   * failed in every pipeline.
   */
  passOn(tables: readonly ResourceMetricsTable[], onSettled?: (settlement: Settlement) => void): void;
  /** Lets go of all rows that processors hold back, room or not; to be called when nothing more will come. Synchronous. */
  release(): void;
}

/** Rows of a table that no pipeline took, by their places; each once. */
export interface NotTaken {
  /** Every pipeline filtered them. */
  readonly filtered: readonly FilteredPlaces[];
  /** A pipeline holds them back, and the others filtered them or do so as well; undefined: none. */
  readonly held: HeldPlaces | undefined;
}

export interface FilteredPlaces {
  readonly reason: FilterReason;
  readonly places: Uint32Array;
}

export interface HeldPlaces {
  readonly places: Uint32Array;
  /** Calls back once, when all of them have gone on: those that are not named were taken. */
  onGone(callback: (end: EndOfHeld) => void): void;
}

export interface EndOfHeld {
  readonly filtered: readonly FilteredPlaces[];
  /** Of which a processor failed in every pipeline that had them. */
  readonly lost: Uint32Array;
}

export interface Receiver extends Lifecycle {
  /** Everything behind has stopped, so that every table is settled. Safe before start and when called twice. */
  finish?(): Promise<void>;
  /** Resolves when it will hand over nothing more by itself, as a recording that is played to its end. Absent: never. */
  ended?(): Promise<void>;
}

/** Why a processor leaves rows out, as the ledger names it: by a rule of the user, or because another agent has them. */
export type FilterReason = 'rule' | 'counted_elsewhere';

/** Rows that a processor left out on purpose, for the ledger; `places` are those of the receiver's table. */
export interface FilteredRows {
  readonly kind: 'filtered';
  readonly reason: FilterReason;
  readonly places: Uint32Array;
}

/**
 * Points that a processor keeps of the tables that it was given, to let them go by its own clock. The pipeline asks for
 * them when they are due and an exporter has room, and sends them on through the processors behind this one.
 */
export interface HeldPoints {
  /** Monotonic milliseconds at which `release` is wanted; undefined: it holds nothing. Asked after every table. */
  dueMs(): number | undefined;
  /**
   * Gives away what is due at this time and forgets it; with Infinity, when everything ends, all that it holds. After
   * the call nothing is due at that time any more. When it throws, it still holds all, and is asked again later.
   */
  release(nowMs: number): readonly MetricTable[];
}

/**
 * For `weir explain`: what a processor knows about a row beyond what its tables show. Asked right after it had the table,
 * about that table; undefined where it has nothing to add. Which values it changed and which rows it left out is seen
 * without asking.
 */
export interface Explanation {
  /** Where a value that it gave comes from, such as `range 10.0.0.0/8 (cidrs::0)`. */
  source?(table: FlowTable, row: number, attribute: string): string | undefined;
  /** Why it left a row or point out, or let a row pass that it did not change: the rules. */
  reason?(table: FlowTable | MetricTable, row: number): string | undefined;
}

/**
 * Rows that a processor holds back for a while, since it will soon know more about them. The pipeline keeps them, and
 * with them what the receiver waits for; a processor keeps no table.
 */
export interface HeldRows {
  readonly kind: 'held';
  /** The rows as they came, with columns of their own: what a receiver reads next must not change them. */
  readonly table: FlowTable;
  /** Resolves when they may go on, also where no other table comes; never rejects. */
  readonly ready: Promise<void>;
  /** What becomes of them, as from `flows`. Called once: when they are ready, or before where everything has to leave. */
  release(): readonly FromFlows[];
}

export type FromFlows = FlowTable | MetricTable | FilteredRows | HeldRows;

/** A processor handles flow tables, metric tables, or more; what it does not handle passes by unchanged. */
export interface Processor extends Lifecycle {
  flows?(table: FlowTable): readonly FromFlows[];
  /** All metric tables of one window at once. */
  metrics?(tables: readonly MetricTable[]): readonly MetricTable[];
  /** Metrics that are no flows, of one resource. */
  resourceMetrics?(table: ResourceMetricsTable): ResourceMetricsTable;
  /** Absent: what it gives back at once is all that it will ever give. */
  readonly held?: HeldPoints;
  readonly explain?: Explanation;
}

export interface Exporter extends Lifecycle {
  /** True when one more call to `export` will be taken. */
  hasRoom(): boolean;
  /** Calls back each time room appears after there was none. */
  onRoom(callback: () => void): void;
  /**
   * Takes the tables of one window, or the metrics that are no flows of one request; never throws, never blocks. Without room it counts them as enqueue_failed. Calls back
   * once, at the latest when it has stopped.
   */
  export(tables: readonly LeavingTable[], onSettled?: (settlement: Settlement) => void): void;
}

/** Stands beside the pipelines, and sees no data: starts before all of them and stops after them. */
export interface Extension extends Lifecycle {
  /** Every component has started. */
  ready?(): void;
  /** The pipelines are about to stop. */
  notReady?(): void;
}

/** The whole that an extension stands beside, for those that show it. Settings of components are not in it. */
export interface ServiceView {
  readonly pipelines: readonly PipelineConfig[];
  /** Ids of those that run, in the order in which they start. */
  readonly extensions: readonly string[];
  /** What receivers, processors and exporters do, and how long it takes. */
  readonly operations: OperationReports;
}

interface Definition<Config> {
  /** Folder name and configuration key, lower_snake_case. */
  readonly type: string;
  /** Other spellings that are accepted, each with the warning that is logged when it is used. */
  readonly aliases?: Readonly<Record<string, string>>;
  readonly stability: Stability;
  /** One sentence for the docs. */
  readonly description: string;
  /** convict schema: each key with format (core/config/formats.ts), default as a user would write it, and doc. */
  readonly config: ConfigSchema<Config>;
  /** Keys that users know from elsewhere and that live elsewhere here, with the place: `cidrs: 'the cidr processor'`. */
  readonly elsewhere?: Readonly<Record<string, string>>;
  /** Checks across keys, after each key was checked alone. Each problem has the key's path below the component. */
  validate?(config: Config): readonly ConfigProblem[];
}

export interface ConfigProblem {
  /** Keys below the component, such as ['tls', 'ca_file']; empty for the component itself. */
  readonly path: readonly string[];
  readonly message: string;
  readonly fix?: string;
}

export interface ReceiverDefinition<Config> extends Definition<Config> {
  /** Attributes of the catalogue that its flow tables carry. */
  readonly adds: readonly string[];
  /** For a look beside an agent that runs, or will run again: nothing of it outlives the process. Absent: as it is. */
  aside?(config: Config): Config;
  create(config: Config, host: Host, consumer: Consumer): Receiver;
}

export type TableKind = 'flows' | 'metrics' | 'both';

export interface ProcessorDefinition<Config> extends Definition<Config> {
  /** Attributes that must be filled by what stands before it. */
  readonly needs: readonly string[];
  readonly adds: readonly string[];
  /** Attributes that this configuration brings beside those of the catalogue. */
  attributes?(config: Config): readonly Attribute[];
  /** Which kind of table it works on, perhaps by its configuration: checked against the order of the pipeline. */
  readonly consumes: TableKind | ((config: Config) => TableKind);
  /** What leaves it; attribute_select turns flows into metrics. */
  readonly produces: 'flows' | 'metrics' | 'same';
  create(config: Config, host: Host): Processor;
}

export interface ExporterDefinition<Config> extends Definition<Config> {
  create(config: Config, host: Host): Exporter;
}

export interface ExtensionDefinition<Config> extends Definition<Config> {
  create(config: Config, host: Host, service: ServiceView): Extension;
}

export interface ReceiverComponent<Config = unknown> extends ReceiverDefinition<Config> {
  readonly kind: 'receiver';
}
export interface ProcessorComponent<Config = unknown> extends ProcessorDefinition<Config> {
  readonly kind: 'processor';
}
export interface ExporterComponent<Config = unknown> extends ExporterDefinition<Config> {
  readonly kind: 'exporter';
}

export interface ExtensionComponent<Config = unknown> extends ExtensionDefinition<Config> {
  readonly kind: 'extension';
}

/** Components differ in their configuration type; lists of them do not care. */
export type Component =
  // biome-ignore lint/suspicious/noExplicitAny: each component's own create() knows its configuration type
  ReceiverComponent<any> | ProcessorComponent<any> | ExporterComponent<any> | ExtensionComponent<any>;

export const defineReceiver = <Config>(definition: ReceiverDefinition<Config>): ReceiverComponent<Config> => ({
  kind: 'receiver',
  ...definition,
});

export const defineProcessor = <Config>(definition: ProcessorDefinition<Config>): ProcessorComponent<Config> => ({
  kind: 'processor',
  ...definition,
});

export const defineExporter = <Config>(definition: ExporterDefinition<Config>): ExporterComponent<Config> => ({
  kind: 'exporter',
  ...definition,
});

export const defineExtension = <Config>(definition: ExtensionDefinition<Config>): ExtensionComponent<Config> => ({
  kind: 'extension',
  ...definition,
});
