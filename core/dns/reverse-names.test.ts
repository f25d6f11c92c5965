import test from 'ava';
import { createManualClock } from '../../test/support/manual-clock.ts';
import { createRegistry } from '../telemetry/registry.ts';
import type { PointerAnswer } from './pointer-lookup.ts';
import { createReverseNames, type ReverseNamesOptions } from './reverse-names.ts';

const HOUR_MS = 3_600_000;
const MINUTE_MS = 60_000;

/** Look-ups that the test answers one by one. */
function setUp(limits: Partial<ReverseNamesOptions> = {}) {
  const clock = createManualClock();
  const metrics = createRegistry();
  const asked: string[] = [];
  const answers = new Map<string, (answer: PointerAnswer) => void>();
  const answered: string[] = [];
  let cancelled = false;
  const names = createReverseNames({
    lookup: {
      lookUp(address) {
        asked.push(address);
        return new Promise((resolve) => answers.set(address, resolve));
      },
      cancel() {
        cancelled = true;
        for (const resolve of answers.values()) resolve({ result: 'failed' });
      },
    },
    clock,
    metrics,
    processor: 'reverse_dns',
    maxEntries: 10,
    expiryMs: HOUR_MS,
    negativeExpiryMs: 5 * MINUTE_MS,
    timeoutMs: 5000,
    maxInFlight: 2,
    ...limits,
  });
  names.onAnswer((address) => answered.push(address));
  const settle = () => new Promise((resolve) => setImmediate(resolve));
  return {
    names,
    clock,
    asked,
    answered,
    wasCancelled: () => cancelled,
    settle,
    text: () => metrics.text(),
    async answer(address: string, answer: PointerAnswer) {
      answers.get(address)!(answer);
      await settle();
    },
  };
}

const named = (name: string): PointerAnswer => ({ result: 'name', name });

test('gives what is known at once, says when the answer comes, and asks once however often it is asked', async (t) => {
  const { names, asked, answered, answer } = setUp();
  t.deepEqual(names.ask('10.0.0.1'), { name: undefined, askAgainMs: Infinity });
  t.deepEqual(names.ask('10.0.0.1'), { name: undefined, askAgainMs: Infinity });
  t.deepEqual(answered, []);
  await answer('10.0.0.1', named('one.example'));
  t.deepEqual(answered, ['10.0.0.1']);
  t.deepEqual(names.ask('10.0.0.1'), { name: 'one.example', askAgainMs: HOUR_MS });
  t.deepEqual(asked, ['10.0.0.1']);
});

test('no more look-ups than allowed run at once, in the order of the questions', async (t) => {
  const { names, asked, answer, text } = setUp();
  for (const last of [1, 2, 3, 4]) names.ask(`10.0.0.${last}`);
  t.deepEqual(asked, ['10.0.0.1', '10.0.0.2']);
  t.regex(text(), /addresses\{processor="reverse_dns",state="in_flight"\} 2\n/);
  t.regex(text(), /addresses\{processor="reverse_dns",state="waiting"\} 2\n/);
  await answer('10.0.0.2', { result: 'none' });
  t.deepEqual(asked, ['10.0.0.1', '10.0.0.2', '10.0.0.3']);
});

test('that there is no name, or no answer, is kept for its own time', async (t) => {
  for (const result of ['none', 'failed', 'timeout'] as const) {
    const { names, clock, asked, answer, text } = setUp();
    names.ask('10.0.0.1');
    await answer('10.0.0.1', { result });
    clock.advance(5 * MINUTE_MS - 1);
    t.deepEqual(names.ask('10.0.0.1'), { name: undefined, askAgainMs: 5 * MINUTE_MS });
    t.is(asked.length, 1);
    clock.advance(1);
    t.deepEqual(names.ask('10.0.0.1'), { name: undefined, askAgainMs: Infinity });
    t.is(asked.length, 2);
    t.true(text().includes(`otelcol_reverse_dns_lookups_total{processor="reverse_dns",result="${result}"} 1\n`));
  }
});

test('a name that expired stays until the next answer; only an answer takes it away', async (t) => {
  const { names, clock, asked, answer } = setUp();
  names.ask('10.0.0.1');
  await answer('10.0.0.1', named('old.example'));
  clock.advance(HOUR_MS);
  t.is(names.ask('10.0.0.1').name, 'old.example');
  t.is(asked.length, 2);
  await answer('10.0.0.1', { result: 'timeout' });
  t.deepEqual(names.ask('10.0.0.1'), { name: 'old.example', askAgainMs: HOUR_MS + 5 * MINUTE_MS });
  clock.advance(5 * MINUTE_MS);
  names.ask('10.0.0.1');
  await answer('10.0.0.1', { result: 'none' });
  t.is(names.ask('10.0.0.1').name, undefined);
});

test('a look-up that takes too long ends as a timeout and makes room for the next', async (t) => {
  const { names, clock, asked, answered, settle } = setUp({ maxInFlight: 1 });
  names.ask('10.0.0.1');
  names.ask('10.0.0.2');
  await clock.untilSleeping(5000);
  clock.advance(5000);
  await settle();
  t.deepEqual(answered, ['10.0.0.1']);
  t.deepEqual(asked, ['10.0.0.1', '10.0.0.2']);
});

test('a full queue refuses, counts it, and says when to ask again', (t) => {
  const { names, text } = setUp({ maxEntries: 3, maxInFlight: 1 });
  for (const last of [1, 2, 3, 4]) t.is(names.ask(`10.0.0.${last}`).askAgainMs, Infinity);
  t.is(names.ask('10.0.0.5').askAgainMs, 10_000);
  t.true(text().includes('otelcol_reverse_dns_refused_total{processor="reverse_dns",reason="queue_full"} 1\n'));
});

test('the cache keeps the answers asked for last', async (t) => {
  const { names, asked, answer } = setUp({ maxEntries: 2 });
  for (const last of [1, 2]) {
    names.ask(`10.0.0.${last}`);
    await answer(`10.0.0.${last}`, named(`${last}.example`));
  }
  names.ask('10.0.0.1');
  names.ask('10.0.0.3');
  await answer('10.0.0.3', named('3.example'));
  t.is(names.ask('10.0.0.1').name, '1.example');
  t.is(names.ask('10.0.0.3').name, '3.example');
  t.is(names.ask('10.0.0.2').name, undefined);
  t.is(asked.length, 4);
});

test('closing ends what is under way, says nothing more and asks nothing more', async (t) => {
  const { names, asked, answered, wasCancelled } = setUp({ maxInFlight: 1 });
  names.ask('10.0.0.1');
  names.ask('10.0.0.2');
  await names.close();
  t.true(wasCancelled());
  t.deepEqual(asked, ['10.0.0.1']);
  t.deepEqual(answered, []);
});
