import test from 'ava';
import { WeirError } from '../../core/errors.ts';
import { createLogger } from '../../core/telemetry/log.ts';
import { firstThatAttaches, sourceReason } from './source.ts';

/** Tries sources of which `failures` names those that cannot count; gives what ran, what was tried, and the log. */
async function run(source: 'tc' | 'socket_filter' | 'auto', failures: Partial<Record<string, Error>>) {
  const tried: string[] = [];
  const log: string[] = [];
  const count = async (name: string) => {
    tried.push(name);
    const failure = failures[name];
    if (failure !== undefined) throw failure;
    return name;
  };
  const logger = createLogger({ write: (line) => log.push(line) });
  const ran = await firstThatAttaches(source, count, logger).catch((error: Error) => error);
  return { ran, tried, log };
}

const refused = new WeirError('kernel/permission', 'bpf(BPF_PROG_LOAD): EPERM');
const gone = new WeirError('interface/missing', 'interface "eth9" does not exist');

test('auto takes tc where it attaches, and says nothing', async (t) => {
  t.deepEqual(await run('auto', {}), { ran: 'tc', tried: ['tc'], log: [] });
});

test('auto takes the packet socket where the kernel refuses tc, and says why', async (t) => {
  const { ran, tried, log } = await run('auto', { tc: refused });
  t.is(ran, 'socket_filter');
  t.deepEqual(tried, ['tc', 'socket_filter']);
  t.is(log.length, 1);
  t.regex(log[0]!, /warn.*tc cannot attach.*EPERM/);
});

test('auto does not hide an interface that is missing behind the packet socket', async (t) => {
  const { ran, tried } = await run('auto', { tc: gone });
  t.is(ran, gone);
  t.deepEqual(tried, ['tc']);
});

test('a source that is asked for by name fails as it fails', async (t) => {
  const { ran, tried } = await run('tc', { tc: refused });
  t.is(ran, refused);
  t.deepEqual(tried, ['tc']);
});

const reasons = [
  ['tc', 'auto', 'tcx', 'the kernel has tcx'],
  ['tc', 'auto', 'tc', 'the kernel has no tcx'],
  ['auto', 'auto', 'tcx', 'the kernel has tcx'],
  ['tc', 'tc', 'tc', 'it is configured'],
  ['socket_filter', 'auto', 'socket_filter', 'it is configured'],
  ['auto', 'auto', 'socket_filter', 'tc cannot attach'],
] as const;
for (const [source, traffic_control_backend, hookKind, reason] of reasons) {
  test(`source: ${source} with ${traffic_control_backend} counts by ${hookKind} because ${reason}`, (t) => {
    t.is(sourceReason({ source, traffic_control_backend }, hookKind), reason);
  });
}
