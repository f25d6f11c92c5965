import test from 'ava';
import type { Processor } from '../component/define.ts';
import { reportOf, WeirError } from '../errors.ts';
import {
  exporterInstance,
  extensionInstance,
  sampleConfig,
  sampleExporter,
  samplePipeline,
  sampleProcessor,
  sampleReceiver,
} from './samples.ts';
import { startService } from './service.ts';

/** A pipeline `in -> first -> second -> out` that writes down what is started and stopped. */
function setUp(failing: Record<string, Error> = {}, usedExtensions: readonly string[] = []) {
  const steps: string[] = [];
  const lines: string[] = [];
  const lifecycle = (id: string): Processor => {
    const step = (what: string) => async () => {
      steps.push(`${what} ${id}`);
      const failure = failing[`${what} ${id}`];
      if (failure !== undefined) throw failure;
    };
    return { start: step('start'), stop: step('stop'), ...(id === 'in' ? { finish: step('finish') } : {}) };
  };
  const config = sampleConfig({
    receivers: [sampleReceiver('in', () => lifecycle('in'))],
    processors: ['first', 'second'].map((id) => sampleProcessor(id, {}, () => lifecycle(id))),
    exporters: [exporterInstance('out', { ...sampleExporter(), ...lifecycle('out') })],
    pipelines: [samplePipeline(['first', 'second'])],
    extensions: ['one', 'two', 'spare'].map((id) =>
      extensionInstance(id, {
        ...lifecycle(id),
        ready: () => void steps.push(`ready ${id}`),
        notReady: () => void steps.push(`not ready ${id}`),
      }),
    ),
    usedExtensions,
    warnings: ['exporter "spare" stands in no pipeline'],
  });
  const start = (metrics = config.telemetry.metrics) =>
    startService(
      { ...config, telemetry: { ...config.telemetry, metrics } },
      { build: { command: 'weir', version: '0.1.0' }, write: (line) => lines.push(line) },
    );
  return { start, steps, config, messages: () => lines.map((line) => line.trimEnd().split('\t').slice(1).join(' ')) };
}

test('starts exporters first and receivers last, stops receivers first and exporters last', async (t) => {
  const { start, steps, messages } = setUp();
  const service = await start();
  t.deepEqual(steps.splice(0), ['start out', 'start second', 'start first', 'start in']);
  t.deepEqual(messages(), [
    'warn exporter "spare" stands in no pipeline',
    'info Starting weir... {"Version":"0.1.0"}',
    'info Everything is ready. Begin running and processing data.',
  ]);
  await Promise.all([service.stop(), service.stop()]);
  t.deepEqual(steps, ['stop in', 'stop first', 'stop second', 'stop out', 'finish in']);
  t.deepEqual(messages().slice(3), ['info Starting shutdown...', 'info Shutdown complete.']);
});

test('a component that does not start stops the others, and the error names it and its place', async (t) => {
  const failure = new WeirError('kernel/permission', 'bpf(BPF_PROG_LOAD): EPERM', { fix: 'run as root' });
  const { start, steps, messages } = setUp({ 'start in': failure });
  const error = await t.throwsAsync(start(), { instanceOf: WeirError });
  t.is(
    error?.report(),
    'cannot start pipelines: failed to start "in" receiver: bpf(BPF_PROG_LOAD): EPERM\n' +
      '  collector.yaml:1:1  receivers::in   run as root   [kernel/permission]',
  );
  t.deepEqual(steps.slice(4), ['stop in', 'stop first', 'stop second', 'stop out', 'finish in']);
  t.false(messages().some((line) => line.includes('Everything is ready')));
});

test('an error at the start that names a key has the place of that key', async (t) => {
  const missing = new WeirError('interface/missing', 'no eth9', {
    path: 'receivers::in::interfaces::1',
    fix: 'add it',
  });
  const { start } = setUp({ 'start in': missing });
  const error = await t.throwsAsync(start(), { instanceOf: WeirError });
  t.like(error, { place: 'collector.yaml:interfaces.1', path: 'receivers::in::interfaces::1' });
});

test('a component that does not stop does not keep the others from stopping', async (t) => {
  const { start, steps } = setUp({ 'stop in': new Error('busy'), 'stop out': new Error('queue not empty') });
  const service = await start();
  const error = await t.throwsAsync(service.stop());
  t.deepEqual(steps.slice(4), ['stop in', 'stop first', 'stop second', 'stop out', 'finish in']);
  t.regex(reportOf(error), /failed to stop "in" receiver: busy[\s\S]*failed to stop "out" exporter: queue not empty/);
});

test('self-metrics are served while it runs, on the port of the configuration', async (t) => {
  const { start, steps } = setUp();
  const port = 20_000 + (process.pid % 20_000);
  const service = await start({ level: 'normal', host: '127.0.0.1', port });
  const text = await (await fetch(`http://127.0.0.1:${port}/metrics`)).text();
  t.regex(text, /^otelcol_process_uptime /m);

  const second = setUp();
  const busy = await t.throwsAsync(second.start({ level: 'normal', host: '127.0.0.1', port }), {
    instanceOf: WeirError,
  });
  t.regex(busy?.message ?? '', /address is already in use$/);
  t.false(
    second.steps.some((step) => step.startsWith('start')),
    'nothing was started',
  );
  await service.stop();
  t.is(steps.at(-1), 'finish in');
  await t.throwsAsync(fetch(`http://127.0.0.1:${port}/metrics`));
});

test('extensions start before all and stop after all, and are told when the pipelines run', async (t) => {
  const { start, steps } = setUp({}, ['two', 'one']);
  const service = await start();
  const begin = ['start two', 'start one', 'start out', 'start second', 'start first', 'start in'];
  t.deepEqual(steps.splice(0), [...begin, 'ready two', 'ready one']);
  await service.stop();
  const end = ['stop in', 'stop first', 'stop second', 'stop out', 'finish in', 'stop one', 'stop two'];
  t.deepEqual(steps, ['not ready two', 'not ready one', ...end]);
});

test('an extension that does not start is named, and no pipeline has started', async (t) => {
  const { start, steps } = setUp({ 'start one': new Error('no port') }, ['one']);
  const error = await t.throwsAsync(start(), { instanceOf: WeirError });
  t.regex(error?.message ?? '', /^failed to start extensions: failed to start "one" extension: .*no port/);
  t.deepEqual(
    steps.filter((step) => !step.startsWith('stop')),
    ['start one', 'finish in'],
  );
  t.is(steps.at(-1), 'stop one');
});

test('another configuration takes the place, and processors that it has as they are go on', async (t) => {
  const { start, steps, messages, config } = setUp();
  const service = await start();
  steps.splice(0);
  const second = config.processors.find(({ id }) => id === 'second')!;
  const changed = { ...second, config: { verbosity: 'other' } };
  await service.replace({
    ...config,
    processors: config.processors.map((one) => (one.id === 'second' ? changed : one)),
    telemetry: { ...config.telemetry, metrics: { ...config.telemetry.metrics, level: 'none' } },
  });
  const stopped = ['stop in', 'stop second', 'stop out', 'finish in'];
  t.deepEqual(steps.splice(0), [...stopped, 'start out', 'start second', 'start in']);
  t.is(messages().filter((line) => line.includes('Everything is ready')).length, 2);
  await service.stop();
  t.deepEqual(steps, ['stop in', 'stop first', 'stop second', 'stop out', 'finish in']);
});

test('where the other configuration does not start, nothing runs on', async (t) => {
  const failing: Record<string, Error> = {};
  const { start, steps, config } = setUp(failing);
  const service = await start();
  failing['start in'] = new Error('no such device');
  const error = await t.throwsAsync(service.replace(config));
  t.regex(reportOf(error), /failed to start "in" receiver: no such device/);
  t.true(steps.lastIndexOf('stop first') > steps.lastIndexOf('start in'));
});
