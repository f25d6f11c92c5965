import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { zstdDecompressSync } from 'node:zlib';
import test from 'ava';
import { WeirError } from '../../core/errors.ts';
import { configOf } from '../../test/support/component-config.ts';
import { createManualClock } from '../../test/support/manual-clock.ts';
import { flowBytes, scope, tableOf } from '../../test/support/metric-tables.ts';
import { linesOf, messagesOf, valuesIn } from '../../test/support/otlp-file.ts';
import { decodeJsonRequest, decodeRequest } from '../../test/support/otlp-protos.ts';
import { pointsOf } from '../../test/support/received-points.ts';
import { createRecordingHost } from '../../test/support/recording-host.ts';
import { until } from '../../test/support/until.ts';
import file from './index.ts';

const folder = mkdtempSync(join(tmpdir(), 'weir-file-'));
test.after.always(() => rmSync(folder, { recursive: true }));
let files = 0;
const newPath = () => join(folder, `flows-of-test-${files++}.jsonl`);

async function startFile(block: object) {
  const clock = createManualClock();
  const host = createRecordingHost('file', clock);
  const exporter = file.create(configOf(file, block), host);
  await exporter.start?.();
  return { exporter, host, clock };
}

const flows = tableOf([
  { attributes: { 'src.address': '192.0.2.10', 'dst.port': 443, 'direction.guessed': true }, value: 2 ** 53 },
  { attributes: { 'src.name': 'quote " und ümläut\n', share: 0.5, 'dst.port': -1 }, value: 0 },
]);
const packets = tableOf([{ attributes: {}, value: 12 }], {
  metric: { ...flowBytes, name: 'beyla.network.flow.packets', unit: '{packet}' },
  temporality: 'cumulative',
});
const elsewhere = tableOf([{ attributes: {}, value: 3 }], { resource: { attributes: { 'host.name': 'node-2' } } });
const sent = [flows, packets, tableOf([]), elsewhere];

test('json is a request a line, as a collector writes it', async (t) => {
  const path = newPath();
  const { exporter, host } = await startFile({ path });
  exporter.export(sent);
  await exporter.stop?.();
  const [line, ...more] = linesOf(path);
  t.deepEqual(more, []);
  t.deepEqual(line.resourceMetrics[0].resource.attributes, [
    { key: 'service.name', value: { stringValue: 'weir' } },
    { key: 'host.name', value: { stringValue: 'node-1' } },
  ]);
  t.deepEqual(line.resourceMetrics[0].scopeMetrics[0].scope, scope);
  const [bytes, others] = line.resourceMetrics[0].scopeMetrics[0].metrics;
  t.deepEqual(bytes.sum.dataPoints[0], {
    attributes: [
      { key: 'src.address', value: { stringValue: '192.0.2.10' } },
      { key: 'dst.port', value: { intValue: '443' } },
      { key: 'direction.guessed', value: { boolValue: true } },
    ],
    startTimeUnixNano: '1700000000000000000',
    timeUnixNano: '1700000005000000000',
    asInt: '9007199254740992',
  });
  t.is(
    bytes.sum.dataPoints[1].attributes[1].value.doubleValue ?? bytes.sum.dataPoints[1].attributes[2].value.doubleValue,
    0.5,
  );
  t.like(bytes.sum, { aggregationTemporality: 1, isMonotonic: true });
  t.like(others, { name: 'beyla.network.flow.packets', unit: '{packet}', sum: { aggregationTemporality: 2 } });
  t.is(line.resourceMetrics.length, 2);
  t.is(host.metric('otelcol_exporter_sent_metric_points'), 4);
});

for (const [format, compression] of [
  ['json', ''],
  ['json', 'zstd'],
  ['proto', ''],
  ['proto', 'zstd'],
] as const) {
  test(`another reader finds in ${format} ${compression} what was sent`, async (t) => {
    const path = newPath();
    const { exporter } = await startFile({ path, format, compression });
    exporter.export(sent);
    exporter.export([packets]);
    await exporter.stop?.();
    const bytes = readFileSync(path);
    const bodies =
      format === 'json' && compression === ''
        ? linesOf(path).map((line) => Buffer.from(JSON.stringify(line)))
        : messagesOf(bytes).map((message) => (compression === '' ? message : zstdDecompressSync(message)));
    t.is(bodies.length, 2);
    const points = bodies
      .map((body) => (format === 'json' ? decodeJsonRequest(JSON.parse(body.toString())) : decodeRequest(body)))
      .flatMap(pointsOf);
    t.deepEqual(
      points.map(({ metric, value, temporality, resource }) => [metric, value, temporality, resource['host.name']]),
      [
        [flowBytes.name, 2 ** 53, 'delta', 'node-1'],
        [flowBytes.name, 0, 'delta', 'node-1'],
        ['beyla.network.flow.packets', 12, 'cumulative', 'node-1'],
        [flowBytes.name, 3, 'delta', 'node-2'],
        ['beyla.network.flow.packets', 12, 'cumulative', 'node-1'],
      ],
    );
    t.deepEqual(points[0]?.attributes, { 'src.address': '192.0.2.10', 'dst.port': 443, 'direction.guessed': true });
    t.is(points[1]?.attributes['src.name'], 'quote " und ümläut\n');
    t.is(points[0]?.startNs, 1_700_000_000_000_000_000n);
    t.is(points[0]?.timeNs, 1_700_000_005_000_000_000n);
  });
}

test('a window that is large is several lines, none of much more than 4 MB', async (t) => {
  const path = newPath();
  const { exporter } = await startFile({ path });
  const rows = Array.from({ length: 12 }, (_, i) => ({ attributes: { name: `${i}`.repeat(1_000_000) }, value: i }));
  exporter.export([tableOf(rows)]);
  await exporter.stop?.();
  const points = linesOf(path).map((line) => pointsOf(decodeJsonRequest(line)).map(({ value }) => value));
  t.deepEqual(
    points.flat(),
    rows.map(({ value }) => value),
  );
  t.true(points.length > 2);
});

test('the file is emptied at the start, and kept with append', async (t) => {
  const path = newPath();
  for (const [block, points] of [
    [{}, 1],
    [{}, 1],
    [{ append: true }, 2],
  ] as const) {
    const { exporter } = await startFile({ path, ...block });
    exporter.export([packets]);
    await exporter.stop?.();
    t.is(linesOf(path).length, points);
  }
});

test('a file that would grow past max_megabytes is put aside, and the oldest beyond max_backups go', async (t) => {
  const path = newPath();
  const name = path.replace('.jsonl', '');
  writeFileSync(`${name}-of-somebody-else.jsonl`, '');
  const { exporter, host, clock } = await startFile({ path, rotation: { max_megabytes: 1, max_backups: 2 } });
  for (let value = 1; value <= 5; value++) {
    exporter.export([tableOf([{ attributes: { name: 'x'.repeat(700_000) }, value }])]);
    await until('it is written', () => host.metric('otelcol_exporter_sent_metric_points') === value);
    clock.advance(1000);
  }
  await exporter.stop?.();
  t.deepEqual(valuesIn(path), [5]);
  const backups = readdirSync(folder)
    .filter((one) => /-2023-/.test(one))
    .sort();
  t.deepEqual(
    backups.map((one) => one.slice(one.indexOf('-2023'))),
    ['-2023-11-14T22-13-23.000.jsonl', '-2023-11-14T22-13-24.000.jsonl'],
  );
  t.deepEqual(
    backups.flatMap((one) => valuesIn(join(folder, one))),
    [3, 4],
  );
  t.true(existsSync(`${name}-of-somebody-else.jsonl`));
});

test('group_by writes a file for each value, and none outside its directory', async (t) => {
  const place = join(folder, 'groups');
  const { exporter } = await startFile({
    path: join(place, '*.jsonl'),
    group_by: { enabled: true, resource_attribute: 'host.name', max_open_files: 1 },
  });
  const of = (name: string, value: number) =>
    tableOf([{ attributes: {}, value }], { resource: { attributes: name === '' ? {} : { 'host.name': name } } });
  exporter.export([of('a', 1), of('../../b', 2), of('', 3)]);
  exporter.export([of('a', 4), of('..', 5)]);
  await exporter.stop?.();
  t.deepEqual(readdirSync(place).sort(), ['a.jsonl', 'b.jsonl', 'unknown.jsonl']);
  t.deepEqual(valuesIn(join(place, 'a.jsonl')), [1, 4]);
  t.deepEqual(valuesIn(join(place, 'b.jsonl')), [2]);
  t.deepEqual(valuesIn(join(place, 'unknown.jsonl')), [3, 5]);
});

test('a directory that is missing, or a path that is one, is an error at the start with its fix', async (t) => {
  const missing = join(folder, 'none', 'flows.jsonl');
  const error = await t.throwsAsync(startFile({ path: missing }), { instanceOf: WeirError });
  t.is(
    error?.report(),
    `open ${missing}: no such file or directory\n  exporters::file::path   make the directory, or set create_directory: true   [component/start]`,
  );
  const isFolder = await t.throwsAsync(startFile({ path: folder }), { instanceOf: WeirError });
  t.regex(isFolder?.message ?? '', /is a directory|illegal operation on a directory/);
  const { exporter } = await startFile({ path: missing, create_directory: true, directory_permissions: '0700' });
  await exporter.stop?.();
  t.true(existsSync(missing));
});

test('a full disk is counted, said, and ends nothing', async (t) => {
  const { exporter, host } = await startFile({ path: '/dev/full', retry_on_failure: { enabled: false } });
  exporter.export(sent);
  await until('it was given up', () => host.metric('otelcol_exporter_send_failed_metric_points') === 4);
  t.like(host.log.at(-1), {
    level: 'error',
    fields: { error: 'write /dev/full: no space left on device', dropped_items: 4 },
  });
  t.true(exporter.hasRoom());
  await exporter.stop?.();
});

// A request of which only the first part fitted was followed by the next one, and neither could be read.
const onSmallDisk = process.getuid?.() === 0 ? test : test.skip;
onSmallDisk(
  'what a full disk refused is written once it has room, and the file has whole requests alone',
  async (t) => {
    const disk = mkdtempSync(join(tmpdir(), 'weir-small-disk-'));
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=64k', 'tmpfs', disk]);
    try {
      writeFileSync(join(disk, 'filler'), Buffer.alloc(16 * 1024));
      const path = join(disk, 'flows.jsonl');
      const { exporter, host, clock } = await startFile({
        path,
        retry_on_failure: { initial_interval: '1s', randomization_factor: 0 },
        sending_queue: { queue_size: 1 },
      });
      const window = (value: number) => [tableOf([{ attributes: { name: 'x'.repeat(20_000) }, value }])];
      for (const value of [1, 2]) {
        exporter.export(window(value));
        await until('it is written', () => host.metric('otelcol_exporter_sent_metric_points') === value);
      }
      const whole = readFileSync(path);
      exporter.export(window(3));
      await clock.untilSleeping(1000);
      t.deepEqual(readFileSync(path), whole, 'no part of the third');
      t.false(exporter.hasRoom(), 'the receiver is to wait');
      rmSync(join(disk, 'filler'));
      clock.advance(1000);
      await until('it is written', () => host.metric('otelcol_exporter_sent_metric_points') === 3);
      t.true(exporter.hasRoom());
      await exporter.stop?.();
      t.deepEqual(valuesIn(path), [1, 2, 3]);
      t.is(host.metric('otelcol_exporter_send_failed_metric_points'), 0);
    } finally {
      execFileSync('umount', ['--lazy', disk]);
      rmdirSync(disk);
    }
  },
);
