/** The configuration after loading: every component with its checked settings, every pipeline with checked references. */

import type {
  Component,
  ExporterComponent,
  ExtensionComponent,
  ProcessorComponent,
  ReceiverComponent,
} from '../component/define.ts';
import type { LogLevel } from '../telemetry/log.ts';

export interface ComponentInstance<Definition extends Component = Component> {
  /** `type` or `type/name`, after aliases. */
  readonly id: string;
  readonly type: string;
  readonly definition: Definition;
  /** What `definition.create` takes: defaults filled in, formats applied. */
  readonly config: unknown;
  /** `collector.yaml:14:5` of the key at this path below the component, or of the nearest one that the file has. */
  placeOf(path: readonly string[]): string;
}

export interface PipelineConfig {
  /** `metrics` or `metrics/name`. */
  readonly id: string;
  readonly signal: 'metrics';
  /** Ids, after aliases; all of them are configured, none twice in one list. */
  readonly receivers: readonly string[];
  readonly processors: readonly string[];
  readonly exporters: readonly string[];
  readonly place: string;
}

export type TelemetryLevel = 'none' | 'basic' | 'normal' | 'detailed';

export interface TelemetryConfig {
  readonly logs: { readonly level: LogLevel; readonly encoding: 'console' | 'json' };
  readonly metrics: {
    /** `none` switches the self-metrics off. */
    readonly level: TelemetryLevel;
    /** Where `/metrics` is served. */
    readonly host: string;
    readonly port: number;
  };
}

export interface ResolvedConfig {
  /** All that are configured, in the order of the file; only those in use are to be created. */
  readonly receivers: readonly ComponentInstance<ReceiverComponent<unknown>>[];
  readonly processors: readonly ComponentInstance<ProcessorComponent<unknown>>[];
  readonly exporters: readonly ComponentInstance<ExporterComponent<unknown>>[];
  readonly extensions: readonly ComponentInstance<ExtensionComponent<unknown>>[];
  /** Ids of the extensions that are to be created, in the order in which they start. */
  readonly usedExtensions: readonly string[];
  /** At least one. */
  readonly pipelines: readonly PipelineConfig[];
  readonly telemetry: TelemetryConfig;
  /** To be logged at start: deprecated names, unset variables, components that no pipeline uses. */
  readonly warnings: readonly string[];
}
