/** Recorded files as tests want them: a point a line. */

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SECOND_NS } from '../../core/table/testing.ts';

/** Where recordings begin, Unix time. */
export const T0 = 1_700_000_000n * SECOND_NS;

/** A folder that `remove` takes away, and files in it. */
export function createRecordings() {
  const folder = mkdtempSync(join(tmpdir(), 'weir-recordings-'));
  let files = 0;
  return {
    folder,
    written(content: string | Buffer): string {
      const path = join(folder, `recording-${files++}`);
      writeFileSync(path, content);
      return path;
    },
    remove: () => rmSync(folder, { recursive: true }),
  };
}

export interface RecordedPoint {
  readonly value?: number | string;
  readonly at?: bigint;
  readonly attributes?: Readonly<Record<string, string>>;
  readonly metric?: string;
  readonly temporality?: number;
}

/** A line with one point: five seconds that end `at` seconds after the first moment. */
export function recordedLine({
  value = 1,
  at = 5n,
  attributes = {},
  metric = 'beyla.network.flow.bytes',
  temporality = 1,
}: RecordedPoint): string {
  const all = { 'src.address': '10.0.0.1', 'dst.address': '10.0.0.2', ...attributes };
  const point = {
    attributes: Object.entries(all).map(([key, stringValue]) => ({ key, value: { stringValue } })),
    startTimeUnixNano: String(T0 + (at - 5n) * SECOND_NS),
    timeUnixNano: String(T0 + at * SECOND_NS),
    asInt: value,
  };
  const sum = { dataPoints: [point], aggregationTemporality: temporality, isMonotonic: true };
  return `${JSON.stringify({ resourceMetrics: [{ scopeMetrics: [{ metrics: [{ name: metric, sum }] }] }] })}\n`;
}
