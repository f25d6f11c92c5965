import { join } from 'node:path';
import { zstdCompressSync } from 'node:zlib';
import test from 'ava';
import { WeirError } from '../../core/errors.ts';
import { valuesOf } from '../../core/table/testing.ts';
import { createZones } from '../../core/table/zones.ts';
import { problemsOf } from '../../test/support/component-config.ts';
import { createRecordingHost } from '../../test/support/recording-host.ts';
import { createRecordings, recordedLine as line } from '../../test/support/recordings.ts';
import replay from './index.ts';
import { replayConfig, startReplay } from './test-replay.ts';

const { folder, written, remove } = createRecordings();
test.after.always(remove);

async function play(path: string, overrides: Parameters<typeof replayConfig>[1] = {}) {
  const host = createRecordingHost('replay');
  const { receiver, tables } = startReplay(host, replayConfig(path, overrides));
  await receiver.start?.();
  await receiver.ended?.();
  const bytes = tables.map(({ measures }) => measures.bytes.reduce((sum, value) => sum + value, 0));
  return { host, tables, bytes };
}

const errorsOf = ({ log }: ReturnType<typeof createRecordingHost>) =>
  log.filter(({ level }) => level === 'error').map(({ message }) => message);

test('a line that cannot be read is named with its place and counted, and the others are played', async (t) => {
  const path = written(
    `${line({ value: 1 })}\n{"resourceMetrics": 7}\n{"resourceMetr\n{"resourceLogs":[]}\n${line({ value: '2' })}`,
  );
  const { host, bytes } = await play(path);
  t.deepEqual(bytes, [3]);
  t.is(host.metric('otelcol_receiver_replay_bad_messages_total'), 3);
  t.is(host.metric('otelcol_receiver_accepted_metric_points'), 2);
  const [list, json, logs] = errorsOf(host);
  t.is(list, `Cannot read a message of the recording; it is left out. ${path}:3: resourceMetrics is no list`);
  t.true(json?.includes(`${path}:4: it is not JSON: `));
  t.true(logs?.endsWith(`${path}:5: it has no resourceMetrics`));
});

test('a last line without its end is read, and a damaged length ends the reading', async (t) => {
  t.deepEqual((await play(written(line({ value: 7 }).trimEnd()))).bytes, [7]);
  const message = zstdCompressSync(line({ value: 5 }));
  const length = Buffer.alloc(4);
  length.writeUInt32BE(message.length);
  const whole = Buffer.concat([length, message]);

  const cut = await play(written(Buffer.concat([whole, whole.subarray(0, 20)])));
  t.deepEqual(cut.bytes, [5]);
  t.regex(errorsOf(cut.host)[0] ?? '', /: message 2: the file ends within it$/);

  const damaged = await play(written(Buffer.concat([whole, Buffer.from([0xff, 0xff, 0xff, 0xff]), whole])));
  t.deepEqual(damaged.bytes, [5]);
  t.regex(errorsOf(damaged.host)[0] ?? '', /: message 2: a length of 4294967295 bytes is no length of a message/);

  const broken = Buffer.from(whole);
  broken[20]! ^= 0xff;
  const unpacked = await play(written(Buffer.concat([broken, whole])));
  t.deepEqual(unpacked.bytes, [5], 'a frame that does not unpack costs itself');
  t.is(unpacked.host.metric('otelcol_receiver_replay_bad_messages_total'), 1);
});

// Node unpacks the first frame of such a file and says nothing of the others.
test('a file that is one zstd stream is refused, not played in part', async (t) => {
  const path = written(Buffer.concat([zstdCompressSync(line({})), zstdCompressSync(line({}))]));
  const { host, bytes } = await play(path);
  t.deepEqual(bytes, []);
  t.regex(errorsOf(host)[0] ?? '', /unpack it with zstd -d$/);
});

test('points that are no flows are refused with the reason, once each', async (t) => {
  const path = written(
    [
      line({ metric: 'http.server.duration' }),
      line({ metric: 'http.server.duration' }),
      line({ metric: 'beyla.network.inter.zone.bytes' }),
      line({ temporality: 2 }),
      line({ attributes: { 'dst.address': 'cart' } }),
      line({ value: -1 }),
      line({ value: '9007199254740993' }),
      line({ value: 4 }),
    ].join(''),
  );
  const { host, bytes } = await play(path);
  t.deepEqual(bytes, [4]);
  t.is(host.metric('otelcol_receiver_refused_metric_points'), 7);
  t.is(host.metric('otelcol_receiver_accepted_metric_points'), 1);
  const warnings = host.log.filter(({ level }) => level === 'warn').map(({ fields }) => fields.reason);
  t.deepEqual(warnings, [
    'not a metric of flows',
    'a part of the flows that are counted elsewhere',
    'not a delta sum',
    'an end without an address',
    'not a whole number of bytes or packets',
  ]);
});

test('attributes are known by the names of every preset, and unknown ones do not join flows', async (t) => {
  const otel = { 'source.address': '10.0.0.9', 'destination.address': '::ffff:10.0.0.2', 'source.port': '443' };
  const path = written(
    [
      line({ metric: 'network.flow.io', attributes: { ...otel, vendor: 'a' } }),
      line({ metric: 'network.flow.io', attributes: { ...otel, vendor: 'b' } }),
      line({ metric: 'network.flow.packets', attributes: { ...otel, vendor: 'b' }, value: 3 }),
    ].join(''),
  );
  const { tables } = await play(path);
  const [table] = tables;
  t.deepEqual(valuesOf(table!, 'src.port'), [443, 443]);
  t.deepEqual(valuesOf(table!, 'dst.address'), ['10.0.0.2', '10.0.0.2']);
  t.deepEqual([...table!.measures.packets], [0, 3]);
  t.deepEqual(valuesOf(table!, 'network.type'), ['ipv4', 'ipv4']);
});

test('values are those of the catalogue, and translated ends are endpoints, as from the kernel', async (t) => {
  const attributes = { 'network.transport': 'udp', 'dst.nat.address': '10.96.0.10', 'dst.nat.port': '53' };
  const { tables } = await play(written(line({ attributes }) + line({ attributes: { 'dst.nat.port': '-1' } })));
  const [table] = tables;
  t.deepEqual(valuesOf(table!, 'transport'), ['UDP', undefined]);
  t.deepEqual(valuesOf(table!, 'dst.nat.address'), ['10.96.0.10', undefined]);
  t.is(table!.columns.get('dst.nat.address')?.dictionary, table!.ends.endpoints.addresses);
  t.deepEqual(valuesOf(table!, 'dst.nat.port'), [53, undefined]);
});

test('names belong to endpoints, change with the recording, and are the address where there is none', async (t) => {
  const name = (value: string) => ({ attributes: { 'src.name': value } });
  const path = written(
    [
      line(name('cart')),
      line({ ...name('shop'), at: 10n }),
      line({ at: 15n }),
      line({ ...name('a'), at: 20n }),
      line({ ...name('b'), at: 20n }),
    ].join(''),
  );
  const { tables } = await play(path);
  t.deepEqual(
    tables.map((table) => [valuesOf(table, 'src.name'), valuesOf(table, 'dst.name')].flat()),
    [
      ['cart', '10.0.0.2'],
      ['shop', '10.0.0.2'],
      ['10.0.0.1', '10.0.0.2'],
      ['a', 'b', '10.0.0.2', '10.0.0.2'],
    ],
  );
  t.is(tables[0]?.columns.get('src.name')?.rows, tables[0]?.ends.src);
});

test('processors that name endpoints work on what is played', async (t) => {
  const zones = createZones({
    placeOf: (endpoints, endpoint) => ({ zone: endpoints.addresses.at(endpoint) === '10.0.0.1' ? 'a' : 'b' }),
    countUnknown: false,
  });
  const { tables } = await play(written(line({})));
  t.deepEqual(valuesOf(zones(tables[0]!), 'scope'), ['cross_zone']);
});

test('a recording without flows is not played for ever, and the end is said', async (t) => {
  const { host } = await play(written(line({ metric: 'up' })), { loop: true });
  t.true(host.log.some(({ message }) => message === 'The recording has no flows: it is not played again.'));
  t.like(host.log.at(-1), { level: 'info', message: 'The replay has ended.', fields: { windows: 0 } });
  t.deepEqual((await play(written(''))).bytes, []);
});

test('a file that is missing is an error at the start', async (t) => {
  const { receiver } = startReplay(createRecordingHost('replay'), replayConfig(join(folder, 'none')));
  const error = await t.throwsAsync(async () => receiver.start?.(), { instanceOf: WeirError });
  t.like(error, { code: 'component/start', path: 'receivers::replay::path' });
  t.true(error?.message.endsWith('none: no such file or directory'));
  const isFolder = startReplay(createRecordingHost('replay'), replayConfig(folder));
  await t.throwsAsync(async () => isFolder.receiver.start?.(), { message: /is a directory$/ });
});

test('keys that cannot be are refused', (t) => {
  t.deepEqual(problemsOf(replay, {}), ['path: path must be non-empty']);
  t.deepEqual(problemsOf(replay, { path: 'x', speed: 'fast' }), ['speed: unsupported value "fast"']);
  t.deepEqual(problemsOf(replay, { path: 'x', speed: 0 }), ['speed: unsupported value "0"']);
});
