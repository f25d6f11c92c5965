import test from 'ava';
import { problemsOf } from './check-imports.ts';

const messagesOf = (path: string, text: string) => problemsOf(path, text).map(({ message }) => message);

test('lets a component import its own files, core and packages', (t) => {
  const text = [
    "import { parse } from 'yaml';",
    "import { mask } from './mask.ts';",
    "import type { FlowTable } from '../../core/table/flow-table.ts';",
  ].join('\n');
  t.deepEqual(problemsOf('processors/zone/index.ts', text), []);
});

test('refuses a component that imports another one, and says where', (t) => {
  const text = "import test from 'node:util';\nimport {\n  lookUp,\n} from '../cidr/lookup.ts';\n";
  t.deepEqual(problemsOf('processors/zone/index.ts', text), [
    {
      path: 'processors/zone/index.ts',
      line: 2,
      message: 'a component never imports another one (processors/cidr/lookup.ts): what two need lives in core/',
    },
  ]);
});

test('refuses components of different kinds to each other, re-exports and dynamic imports', (t) => {
  t.is(messagesOf('exporters/debug/index.ts', "export { row } from '../../receiver/replay/row.ts';").length, 1);
  t.is(messagesOf('exporters/debug/index.ts', "const m = await import('../file/index.ts');").length, 1);
});

test('keeps core free of components, of the addon and of everything else outside core', (t) => {
  for (const target of ['processors/zone/index.ts', 'native/index.ts', 'components.ts', 'cli/run.ts']) {
    t.is(messagesOf('core/pipeline/build.ts', `import { x } from '../../${target}';`).length, 1, target);
  }
  t.deepEqual(messagesOf('core/pipeline/build.ts', "import { WeirError } from '../errors.ts';"), []);
});

test('gives the native addon one door with one user', (t) => {
  t.deepEqual(messagesOf('receiver/ebpf_network/index.ts', "import { open } from '../../native/index.ts';"), []);
  t.is(messagesOf('receiver/ebpf_network/index.ts', "import { open } from '../../native/load.ts';").length, 1);
  t.is(messagesOf('receiver/otlp/index.ts', "import { open } from '../../native/index.ts';").length, 1);
  t.is(messagesOf('cli/doctor.ts', "import { open } from '../native/index.ts';").length, 1);
  t.deepEqual(messagesOf('native/index.ts', "createRequire(import.meta.url)('../build/Release/weir.node');"), []);
  t.deepEqual(messagesOf('cli/doctor.ts', "createRequire(import.meta.url)('../build/Release/weir.node');"), [
    'only native/index.ts loads native code',
  ]);
});

test('lets cli reach components through the list only', (t) => {
  t.deepEqual(messagesOf('cli/run.ts', "import { components } from '../components.ts';"), []);
  t.deepEqual(messagesOf('components.ts', "import debug from './exporters/debug/index.ts';"), []);
  t.is(messagesOf('cli/run.ts', "import debug from '../exporters/debug/index.ts';").length, 1);
});

test('refuses input and output in a processor, not in an exporter', (t) => {
  const text = "import { readFile } from 'node:fs/promises';\n";
  t.is(messagesOf('processors/cidr/index.ts', text).length, 1);
  t.deepEqual(messagesOf('exporters/file/index.ts', text), []);
  t.deepEqual(messagesOf('processors/cidr/index.ts', "import { isIPv4 } from 'node:util';"), []);
});

test('lets tests and benches import anything, and the product nothing of theirs', (t) => {
  const text = "import { native } from '../../test/support/native.ts';\nimport x from '../cidr/index.ts';";
  t.deepEqual(problemsOf('processors/zone/index.test.ts', text), []);
  t.deepEqual(problemsOf('bench/scan.ts', text), []);
  t.is(messagesOf('core/table/group-by.ts', "import { native } from '../../test/support/native.ts';").length, 1);
});

test('refuses a file of more than 250 lines unless it gives a reason', (t) => {
  const lines = 'x;\n'.repeat(251);
  t.deepEqual(problemsOf('bpf/parse.h', 'x;\n'.repeat(250)), []);
  t.deepEqual(messagesOf('bpf/parse.h', lines), [
    '251 lines, more than 250: split it, or give the reason in a comment `// long: ...`',
  ]);
  t.deepEqual(problemsOf('bpf/parse.h', `// long: one table, read as a whole\n${lines}`), []);
  t.deepEqual(problemsOf('bpf/parse.h', `/*\n * long: one table, read as a whole\n */\n${lines}`), []);
});
