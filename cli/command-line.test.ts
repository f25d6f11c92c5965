import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { parse } from 'yaml';
import { type Component, defineExporter, defineReceiver } from '../core/component/define.ts';
import { duration, headers, text } from '../core/config/formats.ts';
import { callCommand } from './command-line.ts';

const folder = mkdtempSync(join(tmpdir(), 'weir-cli-'));
test.after.always(() => rmSync(folder, { recursive: true }));

/** A receiver that does not start when it is told so. */
const source = defineReceiver<{ trouble: string }>({
  type: 'source',
  stability: 'alpha',
  description: 'A source.',
  config: { trouble: { format: text, default: '', doc: 'What goes wrong at start.' } },
  adds: [],
  create: ({ trouble }) => ({
    start: async () => {
      if (trouble !== '') throw new Error(trouble);
    },
  }),
});

const sink = defineExporter<{ headers: Readonly<Record<string, string>>; timeout: number }>({
  type: 'sink',
  aliases: { drain: '"drain" alias is deprecated; use "sink" instead' },
  stability: 'beta',
  description: 'A sink.',
  config: {
    headers: { format: headers, default: {}, doc: 'Headers.' },
    timeout: { format: duration, default: '5s', doc: 'A time.' },
  },
  create: () => ({ hasRoom: () => true, onRoom: () => undefined, export: () => undefined }),
});

const components: readonly Component[] = [source, sink];

const goodFile = join(folder, 'good.yaml');
writeFileSync(
  goodFile,
  `receivers: {source: }
exporters: {sink: {headers: {authorization: Bearer hush}}}
service:
  pipelines: {metrics: {receivers: [source], exporters: [sink]}}
  telemetry: {metrics: {level: none}}
`,
);

async function call(args: readonly string[], environment: Record<string, string> = {}) {
  let output = '';
  let problems = '';
  const code = await callCommand(args, {
    components,
    environment,
    print: (text) => {
      output += text;
    },
    complain: (text) => {
      problems += text;
    },
  });
  return { code, output, problems };
}

test('validate is silent about a good configuration', async (t) => {
  t.deepEqual(await call(['validate', '--config', goodFile]), { code: 0, output: '', problems: '' });
});

test('validate reports every problem on standard error', async (t) => {
  const sets = ['--set', 'exporters.sink.timeout=5', '--set', 'receivers.source.truble=x'];
  const { code, output, problems } = await call(['validate', '--config', goodFile, ...sets]);
  t.is(code, 1);
  t.is(output, '');
  t.is(
    problems,
    `error decoding 'receivers': error decoding 'source': has invalid keys: truble
  --set receivers.source.truble  receivers::source::truble   did you mean 'trouble'?   [config/unknown-key]
error decoding 'exporters': error decoding 'sink': 'timeout' time: missing unit in duration "5"
  --set exporters.sink.timeout  exporters::sink::timeout   write a number with a unit of ns, us, ms, s, m or h, such as 5s or 1m30s   [config/value]
`,
  );
});

test('without --config the file of WEIR_DEFAULT_CONFIG is used, and --set still counts', async (t) => {
  const environment = { WEIR_DEFAULT_CONFIG: goodFile };
  t.is((await call(['validate'], environment)).code, 0);
  t.is((await call(['validate', '--set', 'exporters.sink.timeout=x'], environment)).code, 1);
});

test('without any configuration upstream words say so', async (t) => {
  const expected = 'at least one config flag must be provided\n  add --config FILE   [cli/usage]\n';
  t.deepEqual(await call([]), { code: 2, output: '', problems: expected });
});

test('a wrong command line is exit code 2', async (t) => {
  for (const args of [
    ['valdate'],
    ['--confg', 'x'],
    ['validate', 'file.yaml'],
    ['--config'],
    ['components', '--set', 'a=b'],
    ['components', '--estimate', '5s'],
    ['validate', '--config', goodFile, '--estimate', '5'],
    ['validate', '--config', goodFile, '--estimate', '0s'],
    ['--config', goodFile, '--set', 'a'],
  ]) {
    const { code, output, problems } = await call(args);
    t.is(code, 2, args.join(' '));
    t.is(output, '');
    t.regex(problems, /\[cli\/usage\]\n$/);
  }
});

test('help and version go to standard output', async (t) => {
  t.regex((await call(['--help'])).output, /weir validate +check a configuration/);
  t.regex(
    (await call(['validate', '--help'])).output,
    /^weir validate: check.*--config FILE.*\n {2}--estimate TIME +then run/s,
  );
  t.notRegex((await call(['components', '--help'])).output, /--config/);
  t.regex((await call(['--version'])).output, /^weir version \d+\.\d+\.\d+\n$/);
});

test('components lists what the build has, without aliases', async (t) => {
  const { code, output } = await call(['components']);
  t.is(code, 0);
  t.false(output.includes('drain'));
  const listed = parse(output);
  t.like(listed.receivers[0], { name: 'source', stability: { metrics: 'Alpha', logs: 'Undefined' } });
  t.like(listed.exporters[0], { name: 'sink', stability: { metrics: 'Beta' } });
  t.is(listed.buildinfo.command, 'weir');
});

test('print-config shows the resolved configuration without secrets, and it loads again', async (t) => {
  const { code, output } = await call(['print-config', '--config', goodFile, '--set', 'exporters.sink.timeout=90s']);
  t.is(code, 0);
  t.deepEqual(parse(output), {
    receivers: { source: { trouble: '' } },
    processors: {},
    exporters: { sink: { headers: { authorization: '[REDACTED]' }, timeout: '90s' } },
    service: {
      pipelines: { metrics: { receivers: ['source'], processors: [], exporters: ['sink'] } },
      telemetry: {
        logs: { level: 'info', encoding: 'console' },
        metrics: {
          level: 'none',
          readers: [{ pull: { exporter: { prometheus: { host: 'localhost', port: 8888 } } } }],
        },
      },
    },
  });
  t.is((await call(['validate', '--config', `yaml:${output}`])).code, 0);
});

test('a component that does not start ends the run with its reason', async (t) => {
  const { code, problems } = await call(['--config', goodFile, '--set', 'receivers.source.trouble=no wire']);
  t.is(code, 1);
  t.regex(
    problems,
    /cannot start pipelines: failed to start "source" receiver: no wire\n {2}.*\[component\/start\]\n$/,
  );
});

test('a reader that goes away ends neither the program nor its output with a crash', async (t) => {
  const main = join(import.meta.dirname, 'main.ts');
  const child = spawn(process.execPath, [main, 'components'], { stdio: ['ignore', 'pipe', 'pipe'] });
  child.stdout.destroy();
  let problems = '';
  child.stderr.on('data', (data) => {
    problems += data;
  });
  const [code] = await once(child, 'close');
  t.is(problems, '');
  t.is(code, 1, 'what was asked for was not written');
});

test('nobody who reads standard error any more is no reason to crash', async (t) => {
  const main = join(import.meta.dirname, 'main.ts');
  const child = spawn(process.execPath, [main, 'frobnicate'], { stdio: ['ignore', 'pipe', 'pipe'] });
  child.stderr.destroy();
  const [code] = await once(child, 'close');
  t.is(code, 2, 'a wrong command line; a crash would be 1');
});

test('a real process stops and exits with 0 on SIGTERM and SIGINT', async (t) => {
  const script = `
    import { callCommand } from ${JSON.stringify(join(import.meta.dirname, 'command-line.ts'))};
    const source = { kind: 'receiver', type: 'source', config: {}, adds: [], create: () => ({
      stop: async () => void process.stdout.write('drained') }) };
    const sink = { kind: 'exporter', type: 'sink', config: { headers: { format: (value) => value, default: {}, doc: '' } },
      create: () => ({ hasRoom: () => true, onRoom() {}, export() {} }) };
    process.exitCode = await callCommand(['--config', ${JSON.stringify(goodFile)}], { components: [source, sink],
      environment: {}, print() {}, complain: (text) => void process.stderr.write(text) });`;
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    const child = spawn(process.execPath, ['--input-type=module', '--eval', script], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let output = '';
    let problems = '';
    child.stdout.on('data', (data) => {
      output += data;
    });
    child.stderr.on('data', (data) => {
      if (!problems.includes('Everything is ready') && `${problems}${data}`.includes('Everything is ready'))
        child.kill(signal);
      problems += data;
    });
    const [code] = await once(child, 'close');
    t.is(code, 0, problems);
    t.is(output, 'drained');
  }
});
