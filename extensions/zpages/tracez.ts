/**
 * What components do and how long it takes, with the buckets and the query of the collector's page: `?zspanname=NAME`,
 * with `&ztype=0` for what runs, `1` for a bucket of latencies (`&zlatencybucket=N`), `2` for failures.
 */

import { bucketStartsMs, type OperationReport, type Tally } from '../../core/telemetry/operations.ts';
import { dateOf, durationOf } from './dates.ts';
import { type Html, html, joined, table } from './html.ts';
import type { Subject } from './pages.ts';

const bucketNames = bucketStartsMs.map((startMs) => `>${startMs === 0 ? '0s' : durationOf(startMs)}`);

export function tracesContent({ service }: Subject, query: URLSearchParams): Html {
  const reports = service.operations.report();
  const summary = table(
    'Operations by latency',
    ['Span Name', 'Running', ...bucketNames, 'Errors'],
    reports.map((report) => [
      report.name,
      linked(report, report.running, 'ztype=0'),
      ...report.buckets.map((tally, bucket) => linked(report, tally, `ztype=1&zlatencybucket=${bucket}`)),
      linked(report, report.failed, 'ztype=2'),
    ]),
  );
  const asked = reports.find(({ name }) => name === query.get('zspanname'));
  return asked === undefined ? summary : joined([summary, samplesContent(asked, query)], html``);
}

/** A number that leads to its samples. */
const linked = ({ name }: OperationReport, { count }: Tally, query: string): Html | string =>
  count === 0 ? '0' : html`<a href="?zspanname=${encodeURIComponent(name)}&amp;${query}">${count}</a>`;

function samplesContent(report: OperationReport, query: URLSearchParams): Html {
  const bucket = Number(query.get('zlatencybucket') ?? 0);
  const [kind, tally] =
    query.get('ztype') === '0'
      ? ['running', report.running]
      : query.get('ztype') === '2'
        ? ['with an error', report.failed]
        : [bucketNames[bucket] ?? '', report.buckets[bucket]];
  const rows = (tally?.samples ?? []).map(({ startedNs, durationMs, failure = '' }) => [
    dateOf(startedNs),
    durationOf(durationMs),
    failure,
  ]);
  return table(`${report.name}, ${kind}: ${rows.length} of ${tally?.count ?? 0}`, ['Start', 'Duration', 'Error'], rows);
}
