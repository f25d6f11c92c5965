import { spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { boolean, duration, oneOf, stringList, text } from '../core/config/formats.ts';
import { withBlock } from './document-block.ts';
import { keysText, staleDocuments } from './generate-docs.ts';

const root = join(import.meta.dirname, '..');

test('the docs of this tree are fresh', (t) => {
  const { status, stdout } = spawnSync(process.execPath, ['scripts/generate-docs.ts', '--check'], {
    cwd: root,
    encoding: 'utf8',
  });
  t.is(stdout, '');
  t.is(status, 0);
});

test('names the one file whose table is stale, and mends the table only', (t) => {
  const copy = mkdtempSync(join(tmpdir(), 'generate-docs-'));
  t.teardown(() => rmSync(copy, { recursive: true }));
  for (const folder of ['docs', 'receiver', 'processors', 'exporters', 'extensions']) {
    cpSync(join(root, folder), join(copy, folder), { recursive: true });
  }
  const path = 'exporters/debug/README.md';
  const readme = readFileSync(join(copy, path), 'utf8');
  writeFileSync(join(copy, path), readme.replace('| `verbosity` | `basic` |', '| `verbosity` | `normal` |'));
  t.deepEqual([...staleDocuments(copy)], [[path, readme]]);
});

test('a file without markers is told which ones to add', (t) => {
  const block = { path: 'docs/errors.md', name: 'errors', text: 'a table' };
  t.throws(() => withBlock('# Errors\n', block, 'scripts/generate-docs.ts'), {
    message: /^docs\/errors\.md .*<!-- errors: .* and <!-- \/errors -->$/,
  });
});

test('keys below a section have dots, defaults are as in YAML, pipes do not end a cell', (t) => {
  const config = {
    host: { format: text, default: null, doc: 'The host.' },
    version: { format: text, default: '1.2', doc: 'A version.' },
    names: { format: stringList, default: ['lo', 'a, b'], doc: 'Names.' },
    tls: { insecure: { format: boolean, default: false, doc: 'Without TLS.' } },
    wait: { time: { format: duration, default: '5s', doc: 'How long,\nat most.' } },
    kind: { format: oneOf('a', 'b'), default: 'a', doc: '`a|b`.' },
  };
  t.is(
    keysText({ stability: 'beta', aliases: { old: "write 'new'" }, config }),
    [
      'Stability: beta. Also accepted as `old`, with a warning.',
      '',
      '| key | default | meaning |',
      '|---|---|---|',
      '| `host` | required | The host. |',
      '| `version` | `"1.2"` | A version. |',
      '| `names` | `[lo, "a, b"]` | Names. |',
      '| `tls.insecure` | `false` | Without TLS. |',
      '| `wait.time` | `5s` | How long, at most. |',
      '| `kind` | `a` | `a\\|b`. |',
    ].join('\n'),
  );
});
