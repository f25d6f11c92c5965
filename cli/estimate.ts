/** `weir validate --estimate`: runs a configuration for a while with exporters that only count series. */

import type { PipelineConfig, ResolvedConfig } from '../core/config/types.ts';
import { startService } from '../core/pipeline/service.ts';
import { withoutExporters } from '../core/pipeline/without-exporters.ts';
import { attributeNamed } from '../core/table/attributes.ts';
import { createSeriesEstimate, type MetricEstimate, type SeriesEstimate } from '../core/table/series-estimate.ts';
import { systemClock } from '../core/telemetry/clock.ts';
import { build } from './command.ts';
import { firstSignal } from './signal.ts';

/** Resolves to the text for standard output. A signal ends it early, with what was seen until then. */
export async function estimate(
  config: ResolvedConfig,
  durationMs: number,
  write: (line: string) => void,
): Promise<string> {
  const counted = config.pipelines.map((pipeline) => ({ pipeline, series: createSeriesEstimate() }));
  const signal = firstSignal();
  const abort = new AbortController();
  const startedMs = systemClock.monotonicMs();
  try {
    const counting = withoutExporters(config, (pipeline, tables) => {
      counted.find((one) => one.pipeline === pipeline)?.series.add(tables);
    });
    const service = await startService(counting, { build, write });
    await Promise.race([systemClock.sleep(durationMs, abort.signal), signal.received]);
    abort.abort();
    await service.stop();
  } finally {
    signal.ignore();
  }
  const seconds = ((systemClock.monotonicMs() - startedMs) / 1000).toFixed(1);
  return `${textOf(counted)}\nSeen in ${seconds} s. At worst: every source seen talks to every destination seen.\n`;
}

interface Counted {
  readonly pipeline: PipelineConfig;
  readonly series: SeriesEstimate;
}

const digits = (value: number) => value.toLocaleString('en-US');

function textOf(counted: readonly Counted[]): string {
  const rows = counted.flatMap(({ pipeline, series }) =>
    series
      .metrics()
      .map((metric) => [pipeline.id, metric.metric, digits(metric.series), digits(metric.worst), valuesText(metric)]),
  );
  if (rows.length === 0) return 'No metric had a point.';
  const lines = [['pipeline', 'metric', 'series now', 'at worst', 'values of each attribute'], ...rows];
  const widths = lines[0]!.map((_, column) => Math.max(...lines.map((line) => line[column]!.length)));
  const cell = (text: string, column: number) =>
    column === 2 || column === 3 ? text.padStart(widths[column]!) : text.padEnd(widths[column]!);
  return lines.map((line) => line.map(cell).join('  ').trimEnd()).join('\n');
}

/** Those that multiply series carry the catalogue's warning. */
function valuesText({ attributes }: MetricEstimate): string {
  const texts = attributes.map(({ name, values }) => {
    const cardinality = attributeNamed(name)?.cardinality ?? 'fine';
    return `${name} ${digits(values)}${cardinality === 'fine' ? '' : ` (${cardinality})`}`;
  });
  return texts.join(', ');
}
