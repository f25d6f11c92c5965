/** Flows that an agent recorded without names get them when they are played: also the Service behind translated ends. */

import test from 'ava';
import { createAllAttributes } from '../../core/pipeline/all-attributes.ts';
import { valuesOf } from '../../core/table/testing.ts';
import file from '../../exporters/file/index.ts';
import { replayConfig, startReplay } from '../../receiver/replay/test-replay.ts';
import { configOf } from '../support/component-config.ts';
import { setUp } from '../support/kubernetes-flows.ts';
import { createRecordingHost } from '../support/recording-host.ts';
import { createRecordings } from '../support/recordings.ts';

const { written, remove } = createRecordings();
test.after.always(remove);

test('recorded flows are named by k8s_attributes as live ones are', async (t) => {
  const { processor, table } = await setUp(t);
  const pods = { src: '10.244.1.5', dst: '10.244.2.7', dstPort: 8080 };
  const live = table([
    { ...pods, shown: { dst: '10.96.0.10 80' } },
    {
      src: '10.244.2.7',
      dst: '10.244.1.5',
      srcPort: 8080,
      dstPort: 40_000,
      initiator: 2,
      shown: { src: '10.96.0.10 80' },
    },
    { src: '10.244.1.5', dst: '8.8.8.8' },
  ]);
  const path = written('');
  const exporter = file.create(configOf(file, { path, format: 'proto' }), createRecordingHost('file'));
  await exporter.start?.();
  exporter.export(createAllAttributes().flows!(live).filter((made) => made.kind === 'metric'));
  await exporter.stop?.();
  const { receiver, tables } = startReplay(createRecordingHost('replay'), replayConfig(path));
  await receiver.start?.();
  await receiver.ended?.();

  const named = (from: typeof live) => processor.flows!(from).filter((made) => made.kind === 'flows');
  const attributes = ['name', 'owner.name', 'service.name'].flatMap((name) => [`k8s.src.${name}`, `k8s.dst.${name}`]);
  const read = (from: typeof live) =>
    ['src.name', 'dst.name', ...attributes].map((name) => named(from).flatMap((one) => valuesOf(one, name)));
  t.deepEqual(read(tables[0]!), read(live));
  t.deepEqual(
    named(tables[0]!).flatMap((one) => valuesOf(one, 'k8s.dst.service.name')),
    ['cart', undefined, undefined],
  );
  t.deepEqual(
    named(tables[0]!).flatMap((one) => valuesOf(one, 'k8s.src.service.name')),
    [undefined, 'cart', undefined],
  );
});
