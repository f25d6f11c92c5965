import test from 'ava';
import { type Behaviour, startNameServer } from '../../test/support/name-server.ts';
import { until } from '../../test/support/until.ts';
import { createPointerLookup } from './pointer-lookup.ts';

const behaviours: Readonly<Record<string, Behaviour>> = {
  '198.51.100.1': { names: ['one.example'] },
  '198.51.100.2': { names: ['first.example', 'second.example'] },
  '198.51.100.3': { code: 'nxdomain' },
  '198.51.100.4': { empty: true },
  '198.51.100.5': { code: 'servfail' },
  '198.51.100.6': { code: 'refused' },
  '198.51.100.8': { silent: true },
  '2001:db8:0:0:0:0:0:1': { names: ['six.example'] },
};

test('gives the first name without the dot at its end, and tells no name from no answer', async (t) => {
  const server = await startNameServer((address) => behaviours[address]!);
  t.teardown(server.close);
  const { lookUp } = createPointerLookup({ servers: [server.address], timeoutMs: 900 });
  const results = {
    '198.51.100.1': { result: 'name', name: 'one.example' },
    '198.51.100.2': { result: 'name', name: 'first.example' },
    '198.51.100.3': { result: 'none' },
    '198.51.100.4': { result: 'none' },
    '198.51.100.5': { result: 'failed' },
    '198.51.100.6': { result: 'failed' },
    '198.51.100.8': { result: 'timeout' },
    '2001:db8::1': { result: 'name', name: 'six.example' },
  };
  const addresses = Object.keys(results);
  const answers = await Promise.all(addresses.map(lookUp));
  t.deepEqual(Object.fromEntries(addresses.map((address, at) => [address, answers[at]])), results);
});

test('bytes that are no answer are a failure, not a name and not the lack of one', async (t) => {
  const server = await startNameServer(() => ({ garbage: true }));
  t.teardown(server.close);
  const { lookUp } = createPointerLookup({ servers: [server.address], timeoutMs: 900 });
  t.deepEqual(await lookUp('198.51.100.1'), { result: 'failed' });
});

test('an answer that makes no sense fails its own look-up, and none beside it', async (t) => {
  const bad = '198.51.100.9';
  const server = await startNameServer((address) => (address === bad ? { garbage: true } : { names: ['one.example'] }));
  t.teardown(server.close);
  const { lookUp } = createPointerLookup({ servers: [server.address], timeoutMs: 9000 });
  for (let round = 0; round < 3; round++) {
    server.hold();
    const addresses = ['198.51.100.1', '198.51.100.2', bad, '198.51.100.3'];
    const answers = addresses.map(lookUp);
    await until('all are asked', () => server.held() === addresses.length);
    server.release();
    const name = { result: 'name', name: 'one.example' } as const;
    t.deepEqual(await Promise.all(answers), [name, name, { result: 'failed' }, name]);
  }
});

test('a server that is not there is a failure, and what is cancelled ends', async (t) => {
  const server = await startNameServer(() => ({ silent: true }));
  const lookup = createPointerLookup({ servers: [server.address], timeoutMs: 60_000 });
  const answer = lookup.lookUp('198.51.100.1');
  lookup.cancel();
  t.deepEqual(await answer, { result: 'failed' });
  await server.close();
  t.not((await lookup.lookUp('198.51.100.1')).result, 'name');
});

test('what is no address is a failure, and no server is asked', async (t) => {
  const { lookUp } = createPointerLookup({ servers: [], timeoutMs: 300 });
  t.deepEqual(await lookUp('one.example'), { result: 'failed' });
});
