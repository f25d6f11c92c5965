import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { configOf } from '../../test/support/component-config.ts';
import { createRecordingHost } from '../../test/support/recording-host.ts';
import file from './index.ts';
import { createOpenFiles } from './open-files.ts';

const folder = mkdtempSync(join(tmpdir(), 'weir-open-files-'));
test.after.always(() => rmSync(folder, { recursive: true }));

test('the paths that are remembered are bounded, and what is beyond them loses nothing', async (t) => {
  const host = createRecordingHost('file');
  const group_by = { enabled: true, max_open_files: 1 };
  const files = createOpenFiles(configOf(file, { path: join(folder, '*.jsonl'), group_by }), host, 2);
  const path = (name: string) => join(folder, `${name}.jsonl`);
  const names = ['a', 'b', 'c', 'd'];
  for (const name of names) writeFileSync(path(name), 'old ');
  for (const turn of [1, 2]) {
    for (const name of names) await (await files.writerOf(path(name))).write(Buffer.from(`${turn} `));
  }
  await files.closeAll();
  t.deepEqual(
    names.map((name) => readFileSync(path(name), 'utf8')),
    ['1 2 ', '1 2 ', 'old 1 2 ', 'old 1 2 '],
  );
  t.deepEqual(
    host.log.map(({ level, fields }) => [level, fields.path]),
    [['warn', path('c')]],
  );
});
