import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { configOf } from '../../test/support/component-config.ts';
import { EVERY_KIND_POINTS, everyKind, protobufOf } from '../../test/support/every-kind.ts';
import { tableOf } from '../../test/support/metric-tables.ts';
import { arriving } from '../../test/support/one-identity.ts';
import { createRecordingHost } from '../../test/support/recording-host.ts';
import file from './index.ts';

const folder = mkdtempSync(join(tmpdir(), 'weir-file-'));
test.after.always(() => rmSync(folder, { recursive: true }));

for (const format of ['json', 'proto']) {
  test(`metrics that are no flows are written as ${format}, each resource to its file`, async (t) => {
    const path = join(folder, `${format}-*.jsonl`);
    const host = createRecordingHost('file');
    const group_by = { enabled: true, resource_attribute: 'service.name' };
    const exporter = file.create(configOf(file, { path, format, group_by }), host);
    await exporter.start?.();
    const flows = tableOf([{ attributes: {}, value: 12 }], { resource: { attributes: {} } });
    exporter.export([arriving({ 'service.name': 'a' }), flows, arriving({ 'service.name': 'b' })]);
    await exporter.stop?.();
    for (const name of ['a', 'b']) {
      const bytes = readFileSync(path.replace('*', name));
      const expected = everyKind({ 'service.name': name });
      // What is no text has its length before it.
      if (format === 'json') t.deepEqual(JSON.parse(bytes.toString()), expected);
      else t.true(bytes.subarray(4).equals(protobufOf(expected)));
    }
    t.is(host.metric('otelcol_exporter_sent_metric_points'), 2 * EVERY_KIND_POINTS + 1);
  });
}
