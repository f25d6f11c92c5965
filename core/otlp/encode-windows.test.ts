/** The encoder over many windows, against the OpenTelemetry transformer: random tables, shared and growing indexes. */

import { ProtobufMetricsSerializer } from '@opentelemetry/otlp-transformer';
import test from 'ava';
import { agent, flowBytes, scope } from '../../test/support/metric-tables.ts';
import { transformerInput } from '../../test/support/otlp-oracle.ts';
import { type DecodedRequest, decodeRequest } from '../../test/support/otlp-protos.ts';
import { ABSENT } from '../table/dictionary.ts';
import type { MetricTable } from '../table/metric-table.ts';
import { SeriesIndex } from '../table/series-index.ts';
import { ValueList } from '../table/value-list.ts';
import { MetricEncoder } from './encode.ts';

type Random = (below: number) => number;

/** Numerical Recipes' generator: the same windows in every run. */
function randomFrom(seed: number): Random {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

const alphabet = ['a', '.', '"', '\u0000', 'ß', '流', '🌊', '\ud83c'];
const textOf = (random: Random) =>
  Array.from({ length: random(12) === 0 ? random(400) : random(20) }, () => alphabet[random(alphabet.length)]).join('');

function attributeValue(random: Random) {
  const kind = random(6);
  if (kind === 0) return undefined;
  if (kind === 1) return random(2) === 0;
  if (kind === 2) return random(70_000);
  if (kind === 3) return (random(2) === 0 ? -1 : 1) * random(2 ** 32) * random(2 ** 21);
  return textOf(random);
}

/** Sums: around every length that a varint or a word has. */
const sumOf = (random: Random) => Math.max(0, 2 ** random(54) - random(2));

const metrics = [flowBytes, { name: 'beyla.network.flow.packets', description: '', unit: '{packet}' }];

/** The tables of one sender, window after window; its indexes grow and are at times replaced. */
function createSender(random: Random) {
  const newIndex = () =>
    new SeriesIndex(['name', 'zone', 'dst.port'].map((name) => ({ name, dictionary: new ValueList() })));
  const indexes = [newIndex(), newIndex()];
  const newSeries = (index: SeriesIndex) =>
    index.intern(
      index.columns.map(({ dictionary }) => {
        const code = (dictionary as ValueList).code(attributeValue(random));
        return random(9) === 0 ? ABSENT : code;
      }),
    );
  return (window: number): readonly MetricTable[] => {
    const replaced = random(indexes.length);
    if (random(10) === 0) indexes[replaced] = newIndex();
    return Array.from({ length: 1 + random(4) }, () => {
      const series = indexes[random(indexes.length)]!;
      for (let added = random(30); added >= 0; added--) newSeries(series);
      const ids = Uint32Array.from({ length: series.size }, (_, id) => id).filter(() => random(3) > 0);
      const starts = Array.from({ length: 1 + random(3) }, (_, i) => BigInt(window + i) * 4_294_967_291n);
      return {
        kind: 'metric',
        metric: metrics[random(metrics.length)]!,
        temporality: random(2) === 0 ? 'delta' : 'cumulative',
        resource: agent,
        scope,
        series,
        ids,
        values: Float64Array.from(ids, () => sumOf(random)),
        endNs: 1_700_000_000_000_000_000n + BigInt(window),
        starts,
        ...(random(2) === 0 ? {} : { startCodes: Uint32Array.from(ids, () => random(starts.length)) }),
      };
    });
  };
}

/** One line a point, with all that surrounds it; sorted, because tables of one metric are put together. */
const linesOf = (requests: readonly DecodedRequest[]) =>
  requests
    .flatMap(({ resourceMetrics }) =>
      resourceMetrics.flatMap(({ resource, scopeMetrics }) =>
        scopeMetrics.flatMap(({ scope, metrics }) =>
          metrics.flatMap(({ name, description, unit, sum: { dataPoints, ...sum } }) =>
            dataPoints.map((point) => JSON.stringify([resource, scope, name, description, unit, sum, point])),
          ),
        ),
      ),
    )
    .sort();

function isSubset(lines: readonly string[], all: readonly string[]): boolean {
  const known = new Set(all);
  return lines.every((line) => known.has(line));
}

const none = () => {
  throw new Error('a point was left out');
};

for (const [limit, windows] of [
  [4_000_000, 60],
  [20_000, 60],
  [1200, 25],
] as const) {
  test(`every window in bodies of at most ${limit} bytes decodes to what the transformer writes`, (t) => {
    const random = randomFrom(limit);
    const nextWindow = createSender(random);
    const encoder = new MetricEncoder(limit);
    for (let window = 0; window < windows; window++) {
      const tables = nextWindow(window);
      let left = 0;
      const requests: DecodedRequest[] = [];
      let points = 0;
      for (const body of encoder.encode(tables, (oversized) => {
        left += oversized;
      })) {
        t.true(body.body.length <= limit);
        requests.push(decodeRequest(body.body));
        points += body.points;
        // Series may join an index while a body is on its way.
        tables[0]!.series.intern(tables[0]!.series.columns.map(() => random(1000) + 1_000_000));
      }
      const expected = decodeRequest(ProtobufMetricsSerializer.serializeRequest(transformerInput(tables))!);
      const [actualLines, expectedLines] = [linesOf(requests), linesOf([expected])];
      t.is(points, actualLines.length);
      t.is(points + left, expectedLines.length);
      if (left === 0) t.deepEqual(actualLines, expectedLines, `window ${window}`);
      else t.true(isSubset(actualLines, expectedLines), `window ${window}`);
    }
  });
}

test('a request is the same whatever the limit at which it is split', (t) => {
  const tables = createSender(randomFrom(7))(0);
  const whole = linesOf(Array.from(new MetricEncoder().encode(tables, none), ({ body }) => decodeRequest(body)));
  for (let limit = 3000; limit > 1600; limit -= 7) {
    const bodies = Array.from(new MetricEncoder(limit).encode(tables, none), ({ body }) => Buffer.from(body));
    t.true(bodies.every(({ length }) => length <= limit));
    t.deepEqual(linesOf(bodies.map(decodeRequest)), whole, `limit ${limit}`);
  }
});
