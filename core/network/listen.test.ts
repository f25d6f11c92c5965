import test from 'ava';
import { parseListenAddress } from './listen.ts';

test('an endpoint is an address and a port of this host', (t) => {
  t.deepEqual(parseListenAddress('localhost:8889'), { host: 'localhost', port: 8889 });
  t.deepEqual(parseListenAddress('[::1]:0'), { host: '::1', port: 0 });
  t.deepEqual(parseListenAddress(':8889'), { host: '', port: 8889 });
});
