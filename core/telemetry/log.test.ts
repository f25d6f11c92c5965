import test from 'ava';
import { WeirError } from '../errors.ts';
import type { Clock } from './clock.ts';
import { createLogger, type LoggerOptions } from './log.ts';

const noon: Clock = {
  nowNs: () => BigInt(Date.UTC(2026, 7, 21, 12)) * 1_000_000n,
  monotonicMs: () => 0,
  sleep: () => Promise.resolve(),
};

function capture(options: LoggerOptions = {}) {
  const lines: string[] = [];
  return { lines, logger: createLogger({ clock: noon, write: (line) => lines.push(line), ...options }) };
}

test('a console line is time, level, message and fields, parted by tabs', (t) => {
  const { lines, logger } = capture();
  logger.info('Starting weir...', { Version: '0.1.0' });
  logger.warn('no fields');
  t.deepEqual(lines, [
    '2026-08-21T12:00:00.000Z\tinfo\tStarting weir...\t{"Version":"0.1.0"}\n',
    '2026-08-21T12:00:00.000Z\twarn\tno fields\n',
  ]);
});

test('a JSON line carries level, ts and msg beside the fields', (t) => {
  const { lines, logger } = capture({ encoding: 'json' });
  logger.error('went wrong', { retries: 3 });
  t.deepEqual(JSON.parse(lines[0] ?? ''), {
    level: 'error',
    ts: '2026-08-21T12:00:00.000Z',
    msg: 'went wrong',
    retries: 3,
  });
});

test('lines below the level are left out', (t) => {
  const { lines, logger } = capture({ level: 'warn' });
  logger.debug('a');
  logger.info('b');
  logger.warn('c');
  logger.error('d');
  t.is(lines.length, 2);
});

test('a child logger adds its fields to every line', (t) => {
  const { lines, logger } = capture();
  logger.with({ component: 'ebpf_network' }).with({ interface: 'eth0' }).info('attached');
  t.true(lines[0]?.endsWith('attached\t{"component":"ebpf_network","interface":"eth0"}\n'));
});

test('errors and bigints in fields are readable', (t) => {
  const { lines, logger } = capture({ encoding: 'json' });
  const error = new WeirError('kernel/call', 'scan failed: EBUSY', { fix: 'try again' });
  logger.error('cannot collect', { error, startNs: 12n });
  const line = JSON.parse(lines[0] ?? '');
  t.is(line.error, error.report());
  t.is(line.startNs, '12');
});
